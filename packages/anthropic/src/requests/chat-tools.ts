import {
  boolean,
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
  stringUpTo,
} from '@millrace/openai';

/** A tool of a chat completion, as it is sent. */
export interface ChatBodyTool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly strict?: boolean;
  };
}

/** What `tool_choice` becomes. */
export interface ChatBodyToolChoice {
  readonly toolChoice:
    | string
    | { readonly type: 'function'; readonly function: { readonly name: string } };
  readonly isParallel: boolean | undefined;
}

const nameCharactersMax = 128;

/** Reads `tools`; those that Anthropic itself runs are refused by name. */
export const readTools: Reader<readonly ChatBodyTool[]> = list(readTool, {
  least: 0,
  most: requestBounds.toolsMax,
});

function readTool(value: unknown, path: string): ChatBodyTool {
  const tool = record(value, path);
  const type = optional(tool, 'type', { read: string, path }) ?? 'custom';
  if (type !== 'custom') {
    throw refuse(
      'unsupported_value',
      { path: `${path}.type`, value: type },
      '"custom": no other tools are run here',
    );
  }
  const known = ['type', 'name', 'description', 'input_schema', 'strict'];
  // Cached prefixes are found by their tokens, and inputs are always streamed as they come.
  const inert = ['cache_control', 'eager_input_streaming'];
  onlyFields(tool, [...known, ...inert, 'defer_loading', 'allowed_callers'], path);
  optional(tool, 'defer_loading', { read: oneOf(false), path });
  optional(tool, 'allowed_callers', { read: list(oneOf('direct'), { least: 1, most: 1 }), path });
  const description = optional(tool, 'description', { read: string, path });
  const strict = optional(tool, 'strict', { read: boolean, path });
  return {
    type: 'function',
    function: {
      name: required(tool, 'name', { read: stringUpTo(nameCharactersMax), path }),
      ...(description !== undefined && { description }),
      parameters: required(tool, 'input_schema', { read: record, path }),
      ...(strict !== undefined && { strict }),
    },
  };
}

/** Reads `tool_choice`. */
export const readToolChoice: Reader<ChatBodyToolChoice> = (value, path) => {
  const choice = record(value, path);
  const type = required(choice, 'type', { read: oneOf('auto', 'any', 'tool', 'none'), path });
  onlyFields(choice, ['type', 'name', 'disable_parallel_tool_use'], path);
  const isAlone = optional(choice, 'disable_parallel_tool_use', { read: boolean, path });
  const isParallel = isAlone === undefined ? undefined : !isAlone;
  switch (type) {
    case 'auto':
    case 'none':
      return { toolChoice: type, isParallel };
    case 'any':
      return { toolChoice: 'required', isParallel };
    case 'tool': {
      const name = required(choice, 'name', { read: string, path });
      return { toolChoice: { type: 'function', function: { name } }, isParallel };
    }
  }
};
