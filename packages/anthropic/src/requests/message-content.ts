import {
  isRecord,
  list,
  oneOf,
  onlyFields,
  optional,
  type Reader,
  record,
  refuse,
  requestBounds,
  required,
  string,
} from '@millrace/openai';

/** A piece of a message, with what of it goes into a chat completion. */
export type ContentBlock =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'image'; readonly url: string }
  | { readonly kind: 'thinking'; readonly thinking: string }
  | {
      readonly kind: 'tool-use';
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
    }
  | {
      readonly kind: 'tool-result';
      readonly toolUseId: string;
      readonly text: string;
      readonly imageUrls: readonly string[];
    };

type Role = 'user' | 'assistant' | 'system';
type Fields = Readonly<Record<string, unknown>>;

/** Blocks that may stand in a message of each role. */
const blockTypes: Readonly<Record<Role, readonly string[]>> = {
  user: ['text', 'image', 'document', 'tool_result'],
  assistant: ['text', 'thinking', 'tool_use'],
  system: ['text'],
};

/** Reads the content of a message of a role: a string, or a list of blocks. */
export function contentReader(role: Role): Reader<readonly ContentBlock[]> {
  return (value, path) => {
    if (typeof value === 'string') return [{ kind: 'text', text: value }];
    if (!Array.isArray(value))
      throw refuse('invalid_type', { path, value }, 'a string or a list of blocks');
    const blocks = list(blockReader(role), { least: 0, most: requestBounds.partsMax })(value, path);
    checkOrder(blocks, path);
    return blocks;
  };
}

/** Results of tools come before all else, as the Messages API has it: a chat completion can say them in no other order. */
function checkOrder(blocks: readonly ContentBlock[], path: string): void {
  const first = blocks.findIndex(({ kind }) => kind !== 'tool-result');
  const late = blocks.findIndex(({ kind }, index) => kind === 'tool-result' && index > first);
  if (first === -1 || late === -1) return;
  throw refuse(
    'invalid_value',
    { path: `${path}[${late}]`, value: 'tool_result' },
    'a tool_result before all other blocks of its message',
  );
}

function blockReader(role: Role): Reader<ContentBlock> {
  return (value, path) => {
    const block = record(value, path);
    const type = required(block, 'type', { read: string, path });
    if (!blockTypes[role].includes(type)) {
      throw refuse(
        'unsupported_value',
        { path: `${path}.type`, value: type },
        `${blockTypes[role].join(', ')} in a message of role ${role}`,
      );
    }
    return readBlock(type, block, path);
  };
}

function readBlock(type: string, block: Fields, path: string): ContentBlock {
  switch (type) {
    case 'image':
      return { kind: 'image', url: readImage(block, path) };
    case 'document':
      return { kind: 'text', text: readDocument(block, path) };
    case 'thinking':
      onlyFields(block, ['type', 'thinking', 'signature'], path);
      return { kind: 'thinking', thinking: required(block, 'thinking', { read: string, path }) };
    case 'tool_use':
      return readToolUse(block, path);
    case 'tool_result':
      return readToolResult(block, path);
    default:
      return { kind: 'text', text: readText(block, path) };
  }
}

function readText(block: Fields, path: string): string {
  onlyFields(block, ['type', 'text', 'cache_control', 'citations'], path);
  optional(block, 'citations', { read: list(noEntry, { least: 0, most: 0 }), path });
  return required(block, 'text', { read: string, path });
}

const noEntry: Reader<never> = (value, path) => {
  throw refuse('unsupported_value', { path, value }, 'nothing');
};

function readImage(block: Fields, path: string): string {
  onlyFields(block, ['type', 'source', 'cache_control'], path);
  const source = required(block, 'source', { read: record, path });
  const at = `${path}.source`;
  const type = required(source, 'type', { read: oneOf('base64', 'url'), path: at });
  if (type === 'url') return required(source, 'url', { read: string, path: at });
  const mediaType = required(source, 'media_type', { read: string, path: at });
  return `data:${mediaType};base64,${required(source, 'data', { read: string, path: at })}`;
}

/** A document of plain text, with its title and context before it; others cannot be said to a chat model. */
function readDocument(block: Fields, path: string): string {
  onlyFields(block, ['type', 'source', 'title', 'context', 'cache_control', 'citations'], path);
  const citations = optional(block, 'citations', { read: record, path }) ?? {};
  if (citations['enabled'] === true) {
    throw refuse(
      'unsupported_value',
      { path: `${path}.citations.enabled`, value: true },
      'false: citations are not supported',
    );
  }
  const source = required(block, 'source', { read: record, path });
  required(source, 'type', { read: oneOf('text'), path: `${path}.source` });
  const parts = [
    optional(block, 'title', { read: string, path }),
    optional(block, 'context', { read: string, path }),
    required(source, 'data', { read: string, path: `${path}.source` }),
  ];
  return parts.filter((part) => part !== undefined).join('\n\n');
}

function readToolUse(block: Fields, path: string): ContentBlock {
  onlyFields(
    block,
    ['type', 'id', 'name', 'input', 'cache_control', 'caller', 'toolset_name'],
    path,
  );
  const caller = optional(block, 'caller', { read: record, path });
  if (caller !== undefined)
    required(caller, 'type', { read: oneOf('direct'), path: `${path}.caller` });
  return {
    kind: 'tool-use',
    id: required(block, 'id', { read: string, path }),
    name: required(block, 'name', { read: string, path }),
    arguments: JSON.stringify(required(block, 'input', { read: record, path })),
  };
}

function readToolResult(block: Fields, path: string): ContentBlock {
  onlyFields(
    block,
    ['type', 'tool_use_id', 'content', 'is_error', 'cache_control', 'toolset_name'],
    path,
  );
  const { content = '' } = block;
  const parts =
    typeof content === 'string' || content === null
      ? [{ kind: 'text', text: content ?? '' } as const]
      : list(readResultPart, { least: 0, most: requestBounds.partsMax })(
          content,
          `${path}.content`,
        );
  const text = parts.flatMap((part) => (part.kind === 'text' ? part.text : [])).join('\n');
  return {
    kind: 'tool-result',
    toolUseId: required(block, 'tool_use_id', { read: string, path }),
    // A chat completion has no flag for it.
    text: block['is_error'] === true ? `Error: ${text}` : text,
    imageUrls: parts.flatMap((part) => (part.kind === 'image' ? part.url : [])),
  };
}

const readResultPart: Reader<Extract<ContentBlock, { kind: 'text' | 'image' }>> = (value, path) => {
  if (!isRecord(value)) throw refuse('invalid_type', { path, value }, 'a block');
  const type = required(value, 'type', { read: oneOf('text', 'image', 'document'), path });
  if (type === 'image') return { kind: 'image', url: readImage(value, path) };
  return {
    kind: 'text',
    text: type === 'text' ? readText(value, path) : readDocument(value, path),
  };
};
