import type { TokenUsage } from './usage.ts';

/** A served model. */
export interface ServedModel {
  readonly id: string;
  readonly createdUnixS: number;
  readonly contextTokensMax: number;
}

/** The body that describes one model. */
export function modelResponse(model: ServedModel): string {
  return JSON.stringify(modelBody(model));
}

/** The body that lists models. */
export function modelsResponse(models: readonly ServedModel[]): string {
  return JSON.stringify({ object: 'list', data: models.map(modelBody) });
}

/** The body of an embedding answer. */
export function embeddingResponse(
  vectors: readonly Float32Array[],
  options: {
    readonly model: string;
    readonly encoding: 'float' | 'base64';
    readonly usage: Pick<TokenUsage, 'promptTokens'>;
  },
): string {
  const { model, encoding, usage } = options;
  return JSON.stringify({
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: encoding === 'float' ? [...vector] : base64Of(vector),
    })),
    model,
    usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
  });
}

/** The body of `/tokenize`; `pieces` are present when they were asked for. */
export function tokenizeResponse(
  tokens: Int32Array,
  options: { readonly contextTokensMax: number; readonly pieces?: readonly string[] },
): string {
  return JSON.stringify({
    count: tokens.length,
    max_model_len: options.contextTokensMax,
    tokens: [...tokens],
    ...(options.pieces !== undefined && { token_strs: options.pieces }),
  });
}

/** The body of `/detokenize`, with the text under vLLM's name and under llama.cpp's. */
export function detokenizeResponse(text: string): string {
  return JSON.stringify({ prompt: text, content: text });
}

function modelBody(model: ServedModel): object {
  return {
    id: model.id,
    object: 'model',
    created: model.createdUnixS,
    owned_by: 'millrace',
    max_model_len: model.contextTokensMax,
  };
}

/** 32-bit floats, least significant byte first. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
