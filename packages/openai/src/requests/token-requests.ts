import { requestBounds } from '../options.ts';
import { type ParameterTable, readParameters } from '../parameters/parameter-table.ts';
import {
  boolean,
  list,
  missing,
  type Reader,
  record,
  string,
  stringUpTo,
} from '../parameters/readers.ts';
import { type ChatMessage, readMessage } from './chat-message.ts';
import { type FunctionTool, readTools } from './chat-tools.ts';
import { contradiction } from './generation-options.ts';
import { type PromptEnd, promptEndOf, promptEndParameters } from './prompt-end.ts';
import { type Parsed, parseWith } from './parsed.ts';
import { readTokens } from './text-input.ts';

/** A request for the tokens of a text or of a rendered conversation. */
export interface TokenizeRequest {
  readonly model?: string;
  readonly input:
    | { readonly kind: 'text'; readonly text: string }
    | ({
        readonly kind: 'messages';
        readonly messages: readonly ChatMessage[];
        /** They are described in the prompt. */
        readonly tools: readonly FunctionTool[];
        /** Further variables for the chat template. */
        readonly templateVariables: Readonly<Record<string, unknown>>;
      } & PromptEnd);
  readonly addsSpecialTokens: boolean;
  /** Each token comes with its text. */
  readonly includesPieces: boolean;
}

/** A request for the text of tokens. */
export interface DetokenizeRequest {
  readonly model?: string;
  readonly tokens: Int32Array;
}

interface TokenizeFields {
  readonly model: string;
  readonly prompt: string;
  readonly content: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly FunctionTool[];
  readonly chat_template_kwargs: Readonly<Record<string, unknown>>;
  readonly add_generation_prompt: boolean;
  readonly continue_final_message: boolean;
  readonly add_special_tokens: boolean;
  readonly add_special: boolean;
  readonly return_token_strs: boolean;
  readonly with_pieces: boolean;
}

interface DetokenizeFields {
  readonly model: string;
  readonly tokens: Int32Array;
}

const modelParameter = { read: stringUpTo(512), note: 'the name of a served model' };

const tokenizeTable: ParameterTable<TokenizeFields> = {
  honoured: {
    model: modelParameter,
    prompt: { read: string, note: 'the text, as vLLM names it' },
    content: { read: string, note: 'the text, as llama.cpp names it' },
    messages: {
      read: list(readMessage, { least: 1, most: requestBounds.messagesMax }),
      note: 'a conversation, rendered by the chat template',
    },
    tools: { read: readTools, note: 'with messages: functions that the prompt describes' },
    chat_template_kwargs: { read: record, note: 'with messages: variables for the chat template' },
    ...promptEndParameters,
    add_special_tokens: { read: boolean, note: 'vLLM; default true' },
    add_special: { read: boolean, note: 'llama.cpp; default false' },
    return_token_strs: { read: boolean, note: 'vLLM; adds the text of each token' },
    with_pieces: { read: boolean, note: 'llama.cpp; the same' },
  },
  inert: {},
};

const readTokenList: Reader<Int32Array> = (value, path) => {
  if (Array.isArray(value) && value.length === 0) return new Int32Array();
  const input = readTokens(value, path);
  return input.kind === 'tokens' ? input.tokens : new Int32Array();
};

const detokenizeTable: ParameterTable<DetokenizeFields> = {
  honoured: {
    model: modelParameter,
    tokens: { read: readTokenList, note: 'token ids', isRequired: true },
  },
  inert: {},
};

/** Reads the body of `POST /tokenize`, in vLLM's or llama.cpp's words. */
export function parseTokenizeRequest(body: unknown): Parsed<TokenizeRequest> {
  return parseWith(() => {
    const fields = readParameters(body, tokenizeTable);
    return {
      ...(fields.model !== undefined && { model: fields.model }),
      input: inputOf(fields),
      addsSpecialTokens:
        fields.add_special_tokens ?? fields.add_special ?? fields.content === undefined,
      includesPieces: fields.return_token_strs ?? fields.with_pieces ?? false,
    };
  });
}

/** Reads the body of `POST /detokenize`. */
export function parseDetokenizeRequest(body: unknown): Parsed<DetokenizeRequest> {
  return parseWith(() => {
    const fields = readParameters(body, detokenizeTable);
    if (fields.tokens === undefined) throw missing('tokens');
    return { ...(fields.model !== undefined && { model: fields.model }), tokens: fields.tokens };
  });
}

function inputOf(fields: Partial<TokenizeFields>): TokenizeRequest['input'] {
  const { prompt, content, messages } = fields;
  const given = [prompt, content, messages].filter((one) => one !== undefined).length;
  if (given > 1) {
    throw contradiction(
      'prompt',
      "'prompt', 'content' and 'messages' are each the input: send one.",
    );
  }
  const { tools = [], chat_template_kwargs: templateVariables = {} } = fields;
  if (messages !== undefined) {
    const end = promptEndOf(fields, messages);
    return { kind: 'messages', messages, tools, templateVariables, ...end };
  }
  if (tools.length > 0) throw contradiction('tools', "'tools' is allowed only with 'messages'.");
  const text = prompt ?? content;
  if (text === undefined) throw missing('prompt');
  return { kind: 'text', text };
}
