import {
  boolean,
  oneOf,
  onlyFields,
  optional,
  type Reader,
  record,
  refuse,
  required,
  string,
} from '../parameters/readers.ts';

/** The form that an answer must have. */
export type ResponseFormat =
  | { readonly kind: 'text' }
  | { readonly kind: 'json-object' }
  | {
      readonly kind: 'json-schema';
      readonly name: string;
      readonly schema: Readonly<Record<string, unknown>>;
    };

/** Where a schema stands in the body. */
export const responseSchemaPath = 'response_format.json_schema.schema';

/** Reads `response_format`. A schema is always followed strictly. */
export const readResponseFormat: Reader<ResponseFormat> = (value, path) => {
  const format = record(value, path);
  const read = oneOf('text', 'json_object', 'json_schema');
  const type = required(format, 'type', { read, path });
  if (type !== 'json_schema') {
    onlyFields(format, ['type'], path);
    return { kind: type === 'text' ? 'text' : 'json-object' };
  }
  onlyFields(format, ['type', 'json_schema'], path);
  const body = required(format, 'json_schema', { read: record, path });
  const at = `${path}.json_schema`;
  onlyFields(body, ['name', 'description', 'schema', 'strict'], at);
  optional(body, 'strict', { read: boolean, path: at });
  optional(body, 'description', { read: string, path: at });
  return {
    kind: 'json-schema',
    name: required(body, 'name', { read: readName, path: at }),
    schema: required(body, 'schema', { read: record, path: at }),
  };
};

function readName(value: unknown, path: string): string {
  const name = string(value, path);
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return name;
  throw refuse('invalid_value', { path, value }, '1 to 64 letters, digits, _ and -');
}
