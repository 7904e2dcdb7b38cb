import { requestBounds } from '../options.ts';
import {
  boolean,
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

/** A function that a model may call. */
export interface FunctionTool {
  readonly name: string;
  readonly description?: string;
  /** A JSON schema; an empty object when the function takes nothing. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly isStrict: boolean;
}

/** Whether tools may, must not or must be called, or which. */
export type ToolChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'none' }
  | { readonly kind: 'required' }
  | { readonly kind: 'function'; readonly name: string };

const nameForm = /^[a-zA-Z0-9_-]{1,64}$/;

/** Reads the list of tools; names are unique. */
export const readTools: Reader<readonly FunctionTool[]> = (value, path) => {
  const tools = list(readTool, { least: 0, most: requestBounds.toolsMax })(value, path);
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name)) {
      throw refuse(
        'invalid_value',
        { path: `${path}[${index}].function.name`, value: name },
        'a name that no other tool has',
      );
    }
    names.add(name);
  }
  return tools;
};

/** Reads `tool_choice`; whether the named function exists is checked with the tools. */
export const readToolChoice: Reader<ToolChoice> = (value, path) => {
  if (value === 'auto' || value === 'none' || value === 'required') return { kind: value };
  const allowed = '"none", "auto", "required" or {"type": "function", "function": {"name": ...}}';
  if (!isRecord(value) || value['type'] !== 'function') {
    throw refuse(isRecord(value) ? 'unsupported_value' : 'invalid_value', { path, value }, allowed);
  }
  onlyFields(value, ['type', 'function'], path);
  const body = required(value, 'function', { read: record, path });
  onlyFields(body, ['name'], `${path}.function`);
  return {
    kind: 'function',
    name: required(body, 'name', { read: string, path: `${path}.function` }),
  };
};

const readTool: Reader<FunctionTool> = (value, path) => {
  const tool = record(value, path);
  onlyFields(tool, ['type', 'function'], path);
  required(tool, 'type', { read: oneOf('function'), path });
  const body = required(tool, 'function', { read: record, path });
  const at = `${path}.function`;
  onlyFields(body, ['name', 'description', 'parameters', 'strict'], at);
  const description = optional(body, 'description', { read: string, path: at });
  return {
    name: required(body, 'name', { read: readName, path: at }),
    ...(description !== undefined && { description }),
    parameters: optional(body, 'parameters', { read: record, path: at }) ?? {},
    isStrict: optional(body, 'strict', { read: boolean, path: at }) ?? false,
  };
};

function readName(value: unknown, path: string): string {
  const name = string(value, path);
  if (nameForm.test(name)) return name;
  throw refuse('invalid_value', { path, value }, '1 to 64 letters, digits, _ and -');
}
