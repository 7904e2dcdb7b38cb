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

/** A message of a conversation; text parts are joined by line feeds. */
export type ChatMessage =
  | {
      readonly role: 'system' | 'developer' | 'user';
      readonly content: string;
      readonly name?: string;
    }
  | {
      readonly role: 'assistant';
      readonly content: string | null;
      readonly name?: string;
      readonly toolCalls: readonly ToolCall[];
    }
  | { readonly role: 'tool'; readonly content: string; readonly toolCallId: string };

/** A call of a function, as a model made it. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

const roleNames = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

/** Reads one message. */
export const readMessage: Reader<ChatMessage> = (value, path) => {
  const message = record(value, path);
  const role = required(message, 'role', { read: oneOf(...roleNames), path });
  switch (role) {
    case 'assistant':
      return readAssistant(message, path);
    case 'tool':
      onlyFields(message, ['role', 'content', 'tool_call_id', 'name'], path);
      return {
        role,
        content: required(message, 'content', { read: readContent, path }),
        toolCallId: required(message, 'tool_call_id', { read: string, path }),
      };
    case 'system':
    case 'developer':
    case 'user':
      onlyFields(message, ['role', 'content', 'name'], path);
      return {
        role,
        content: required(message, 'content', { read: readContent, path }),
        ...nameOf(message, path),
      };
  }
};

function readAssistant(message: Readonly<Record<string, unknown>>, path: string): ChatMessage {
  // Clients send an answer back as they got it, with fields that are null where nothing was said.
  const known = [
    'role',
    'content',
    'name',
    'tool_calls',
    'refusal',
    'audio',
    'function_call',
    'annotations',
  ];
  onlyFields(message, [...known, 'reasoning_content', 'reasoning'], path);
  for (const name of ['audio', 'function_call', 'refusal']) {
    const value = message[name];
    if (value !== undefined && value !== null) {
      throw refuse('unsupported_value', { path: `${path}.${name}`, value }, 'null only');
    }
  }
  const most = requestBounds.toolsMax;
  const calls = optional(message, 'tool_calls', {
    read: list(readToolCall, { least: 0, most }),
    path,
  });
  const content = optional(message, 'content', { read: readContent, path });
  if (content === undefined && (calls ?? []).length === 0) {
    throw refuse(
      'invalid_value',
      { path: `${path}.content`, value: message['content'] },
      'a text, unless there are tool_calls',
    );
  }
  return {
    role: 'assistant',
    content: content ?? null,
    ...nameOf(message, path),
    toolCalls: calls ?? [],
  };
}

function nameOf(
  message: Readonly<Record<string, unknown>>,
  path: string,
): { readonly name?: string } {
  const name = optional(message, 'name', { read: string, path });
  return name === undefined ? {} : { name };
}

const readToolCall: Reader<ToolCall> = (value, path) => {
  const call = record(value, path);
  onlyFields(call, ['id', 'type', 'function', 'index'], path);
  optional(call, 'type', { read: oneOf('function'), path });
  const body = required(call, 'function', { read: record, path });
  onlyFields(body, ['name', 'arguments'], `${path}.function`);
  return {
    id: required(call, 'id', { read: string, path }),
    name: required(body, 'name', { read: string, path: `${path}.function` }),
    arguments: required(body, 'arguments', { read: string, path: `${path}.function` }),
  };
};

function readContent(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) {
    throw refuse('invalid_type', { path, value }, 'a string or a list of text parts');
  }
  return list(readPart, { least: 1, most: requestBounds.partsMax })(value, path).join('\n');
}

function readPart(value: unknown, path: string): string {
  if (!isRecord(value))
    throw refuse('invalid_type', { path, value }, 'an object with type and text');
  const type = required(value, 'type', { read: string, path });
  if (type !== 'text') {
    throw refuse(
      'unsupported_value',
      { path: `${path}.type`, value: type },
      '"text"; no served model takes other parts',
    );
  }
  onlyFields(value, ['type', 'text', 'cache_control'], path);
  return required(value, 'text', { read: string, path });
}
