import { EngineError } from '../errors.ts';

export type JsonType = 'null' | 'boolean' | 'object' | 'array' | 'string' | 'number' | 'integer';

/** Keywords that a grammar follows, and for which types each says something; `any` for all of them. */
const keywordTypes: Readonly<Record<string, JsonType | 'any'>> = {
  $ref: 'any',
  additionalProperties: 'object',
  allOf: 'any',
  anyOf: 'any',
  const: 'any',
  enum: 'any',
  exclusiveMaximum: 'number',
  exclusiveMinimum: 'number',
  format: 'string',
  items: 'array',
  maxItems: 'array',
  maxLength: 'string',
  maxProperties: 'object',
  maximum: 'number',
  minItems: 'array',
  minLength: 'string',
  minProperties: 'object',
  minimum: 'number',
  multipleOf: 'number',
  nullable: 'any',
  oneOf: 'any',
  pattern: 'string',
  prefixItems: 'array',
  properties: 'object',
  required: 'object',
  type: 'any',
  unevaluatedProperties: 'object',
  uniqueItems: 'array',
};

/** Keywords that say nothing about which values are valid, or only hold schemas for `$ref`. */
const annotations: ReadonlySet<string> = new Set([
  '$comment',
  '$defs',
  '$id',
  '$schema',
  'contentEncoding',
  'contentMediaType',
  'default',
  'definitions',
  'deprecated',
  'description',
  'discriminator',
  'example',
  'examples',
  'externalDocs',
  'readOnly',
  'strict',
  'title',
  'writeOnly',
  'xml',
]);

/** The types that a schema without `type` is about, by the keywords it has; none when it is about all. */
export function typesOfKeywords(schema: SchemaObject): ReadonlySet<JsonType> {
  const types = new Set<JsonType>();
  for (const keyword of Object.keys(schema)) {
    const type = Object.hasOwn(keywordTypes, keyword) ? keywordTypes[keyword] : undefined;
    if (type === undefined || type === 'any') continue;
    types.add(type);
    if (type === 'number') types.add('integer');
  }
  return types;
}

/** A schema that is an object, and where it stands. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** Refuses keywords that a grammar cannot follow: none is ignored silently. */
export function checkKeywords(schema: SchemaObject, pointer: string): void {
  for (const keyword of Object.keys(schema)) {
    if (
      Object.hasOwn(keywordTypes, keyword) ||
      annotations.has(keyword) ||
      keyword.startsWith('x-')
    )
      continue;
    throw unsupported({
      pointer,
      keyword,
      allowed: `the keywords ${Object.keys(keywordTypes).join(', ')}, and annotations`,
    });
  }
}

/** A schema that no grammar is built of: where, which keyword, and what would be taken. */
export function unsupported(problem: {
  readonly pointer: string;
  readonly keyword: string;
  readonly value?: unknown;
  readonly allowed: string;
}): EngineError {
  const { pointer, keyword, value, allowed } = problem;
  const shown = value === undefined ? '' : ` ${shorten(JSON.stringify(value) ?? typeof value)}`;
  return new EngineError(
    `build a grammar of the JSON schema: "${keyword}"${shown} at "${pointer}" is not supported; allowed: ${allowed}`,
    { code: 'ENGINE_SCHEMA_UNSUPPORTED' },
  );
}

const shownMax = 80;

function shorten(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}

export function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A pointer one step further (RFC 6901). */
export function pointerTo(pointer: string, ...steps: readonly (string | number)[]): string {
  return (
    pointer +
    steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  );
}
