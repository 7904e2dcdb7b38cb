import { requestBounds } from '../options.ts';
import {
  isRecord,
  list,
  oneOf,
  onlyFields,
  optional,
  type Reader,
  record,
  refuse,
  required,
  string,
} from '../parameters/readers.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A part of a message, in the form of a chat completion. */
type ChatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: object };

/** One thing that the input says, ready to become a part of a chat completion's messages. */
export type InputItem =
  | {
      readonly kind: 'message';
      readonly role: 'system' | 'user';
      readonly content: string | readonly ChatPart[];
    }
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | {
      readonly kind: 'call';
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
    }
  | { readonly kind: 'result'; readonly callId: string; readonly text: string };

const statuses = oneOf('in_progress', 'completed', 'incomplete');

/** Reads `input`: a text, or a list of items. */
export const readInput: Reader<readonly InputItem[]> = (value, path) => {
  if (typeof value === 'string') return [{ kind: 'message', role: 'user', content: value }];
  if (!Array.isArray(value))
    throw refuse('invalid_type', { path, value }, 'a string or a list of items');
  return list(readItem, { least: 1, most: requestBounds.messagesMax })(value, path);
};

const readItem: Reader<InputItem> = (value, path) => {
  const item = record(value, path);
  const type = optional(item, 'type', { read: string, path }) ?? 'message';
  switch (type) {
    case 'message':
      return readMessage(item, path);
    case 'reasoning':
      return readReasoning(item, path);
    case 'function_call':
      return readCall(item, path);
    case 'function_call_output':
      return readResult(item, path);
    default:
      throw refuse(
        'unsupported_value',
        { path: `${path}.type`, value: type },
        'message, reasoning, function_call or function_call_output',
      );
  }
};

function readMessage(item: Fields, path: string): InputItem {
  onlyFields(item, ['type', 'id', 'role', 'content', 'status', 'phase'], path);
  optional(item, 'status', { read: statuses, path });
  const read = oneOf('user', 'assistant', 'system', 'developer');
  const role = required(item, 'role', { read, path });
  const content = required(item, 'content', { read: readContent, path });
  if (role === 'user') return { kind: 'message', role, content };
  const text = textOf(content, `${path}.content`);
  if (role === 'assistant') return { kind: 'answer', text };
  // Chat templates seldom know the role of a developer, whose word stands where the system's does.
  return { kind: 'message', role: 'system', content: text };
}

function readContent(value: unknown, path: string): string | readonly ChatPart[] {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value))
    throw refuse('invalid_type', { path, value }, 'a string or a list of parts');
  const parts = list(readPart, { least: 0, most: requestBounds.partsMax })(value, path);
  return parts.every((part) => part.type === 'text') ? textOf(parts, path) : parts;
}

const readPart: Reader<ChatPart> = (value, path) => {
  const part = record(value, path);
  const type = required(part, 'type', { read: string, path });
  switch (type) {
    case 'input_text':
      onlyFields(part, ['type', 'text', 'prompt_cache_breakpoint'], path);
      return { type: 'text', text: required(part, 'text', { read: string, path }) };
    case 'output_text':
      onlyFields(part, ['type', 'text', 'annotations', 'logprobs', 'parsed'], path);
      return { type: 'text', text: required(part, 'text', { read: string, path }) };
    case 'refusal':
      onlyFields(part, ['type', 'refusal'], path);
      return { type: 'text', text: required(part, 'refusal', { read: string, path }) };
    case 'input_image':
      return readImage(part, path);
    default:
      throw refuse(
        'unsupported_value',
        { path: `${path}.type`, value: type },
        'input_text, input_image, output_text or refusal',
      );
  }
};

function readImage(part: Fields, path: string): ChatPart {
  onlyFields(part, ['type', 'image_url', 'detail', 'file_id', 'prompt_cache_breakpoint'], path);
  const fileId = part['file_id'];
  if (fileId !== undefined && fileId !== null) {
    const at = { path: `${path}.file_id`, value: fileId };
    throw refuse('unsupported_value', at, 'nothing: no files are stored; use image_url');
  }
  const detail = optional(part, 'detail', { read: string, path });
  const url = required(part, 'image_url', { read: string, path });
  return { type: 'image_url', image_url: { url, ...(detail !== undefined && { detail }) } };
}

function textOf(content: string | readonly ChatPart[], path: string): string {
  if (typeof content === 'string') return content;
  return content
    .map((part, index) => {
      if (part.type === 'text') return part.text;
      const at = { path: `${path}[${index}].type`, value: 'input_image' };
      throw refuse('unsupported_value', at, 'text in a message of this role');
    })
    .join('\n');
}

function readReasoning(item: Fields, path: string): InputItem {
  onlyFields(item, ['type', 'id', 'summary', 'content', 'encrypted_content', 'status'], path);
  const read = list(readReasoningPart, { least: 0, most: requestBounds.partsMax });
  const content = optional(item, 'content', { read, path }) ?? [];
  const summary = optional(item, 'summary', { read, path }) ?? [];
  const parts = content.length > 0 ? content : summary;
  const { encrypted_content: encrypted } = item;
  if (parts.length === 0 && encrypted !== undefined && encrypted !== null) {
    const at = { path: `${path}.encrypted_content`, value: encrypted };
    throw refuse('unsupported_value', at, 'nothing where there is no content: it cannot be read');
  }
  return { kind: 'reasoning', text: parts.join('\n') };
}

const readReasoningPart: Reader<string> = (value, path) => {
  if (!isRecord(value)) throw refuse('invalid_type', { path, value }, 'a part');
  onlyFields(value, ['type', 'text'], path);
  required(value, 'type', { read: oneOf('reasoning_text', 'summary_text'), path });
  return required(value, 'text', { read: string, path });
};

function readCall(item: Fields, path: string): InputItem {
  const known = ['type', 'id', 'call_id', 'name', 'arguments', 'status'];
  onlyFields(item, [...known, 'parsed_arguments', 'caller', 'namespace', 'async'], path);
  optional(item, 'status', { read: statuses, path });
  return {
    kind: 'call',
    id: required(item, 'call_id', { read: string, path }),
    name: required(item, 'name', { read: string, path }),
    arguments: required(item, 'arguments', { read: string, path }),
  };
}

function readResult(item: Fields, path: string): InputItem {
  onlyFields(item, ['type', 'id', 'call_id', 'output', 'status', 'caller'], path);
  optional(item, 'status', { read: statuses, path });
  const output = required(item, 'output', { read: readContent, path });
  return {
    kind: 'result',
    callId: required(item, 'call_id', { read: string, path }),
    text: textOf(output, `${path}.output`),
  };
}
