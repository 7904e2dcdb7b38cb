import { requestBounds } from '../options.ts';
import {
  accepted,
  describeTable,
  type ParameterDescription,
  type ParameterTable,
  readParameters,
  refusedUnless,
} from '../parameters/parameter-table.ts';
import { integer, missing, oneOf, stringUpTo } from '../parameters/readers.ts';
import { type Parsed, parseWith } from './parsed.ts';
import { readTexts, type TextInput } from './text-input.ts';

/** A request for the embeddings of texts. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly inputs: readonly TextInput[];
  readonly encoding: 'float' | 'base64';
  /** Must be what the model has. */
  readonly dimensions?: number;
}

interface EmbeddingFields {
  readonly model: string;
  readonly input: readonly TextInput[];
  readonly encoding_format: 'float' | 'base64';
  readonly dimensions: number;
}

const embeddingTable: ParameterTable<EmbeddingFields> = {
  honoured: {
    model: { read: stringUpTo(512), note: 'the name of a served model', isRequired: true },
    input: {
      read: readTexts(requestBounds.embeddingInputsMax),
      note: 'a string, token ids, or up to 2048 of either',
      isRequired: true,
    },
    encoding_format: { read: oneOf('float', 'base64'), note: 'float or base64' },
    dimensions: { read: integer(1, 2 ** 20), note: "only the model's own number" },
  },
  inert: {
    user: accepted('names an end user; it changes no answer'),
    truncate_prompt_tokens: refusedUnless([], 'an input is never cut'),
  },
};

/** How each parameter of an embedding request is taken. */
export function describeEmbeddingParameters(): readonly ParameterDescription[] {
  return describeTable(embeddingTable);
}

/** Reads the body of `POST /v1/embeddings`. */
export function parseEmbeddingRequest(body: unknown): Parsed<EmbeddingRequest> {
  return parseWith(() => {
    const fields = readParameters(body, embeddingTable);
    if (fields.input === undefined) throw missing('input');
    return {
      model: fields.model ?? '',
      inputs: fields.input,
      encoding: fields.encoding_format ?? 'float',
      ...(fields.dimensions !== undefined && { dimensions: fields.dimensions }),
    };
  });
}
