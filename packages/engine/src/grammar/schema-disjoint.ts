import { canonicalJson } from './canonical-json.ts';
import { isSchemaObject, type SchemaObject } from './schema-keywords.ts';

/** True when it is certain that no value satisfies both schemas: `oneOf` is then the same as `anyOf`. */
export function areDisjoint(one: unknown, other: unknown): boolean {
  if (one === false || other === false) return true;
  if (!isSchemaObject(one) || !isSchemaObject(other)) return false;
  const types = typesOf(one);
  const otherTypes = typesOf(other);
  if (
    types !== undefined &&
    otherTypes !== undefined &&
    !types.some((type) => otherTypes.includes(type))
  )
    return true;
  const values = valuesOf(one);
  const otherValues = valuesOf(other);
  if (values !== undefined && otherValues !== undefined) return values.isDisjointFrom(otherValues);
  return isObjectOnly(one) && isObjectOnly(other) && haveDistinctTag(one, other);
}

function haveDistinctTag(one: SchemaObject, other: SchemaObject): boolean {
  const properties = one['properties'];
  const otherProperties = other['properties'];
  if (!isSchemaObject(properties) || !isSchemaObject(otherProperties)) return false;
  return requiredOf(one).some(
    (name) =>
      requiredOf(other).includes(name) &&
      Object.hasOwn(properties, name) &&
      Object.hasOwn(otherProperties, name) &&
      areDisjoint(properties[name], otherProperties[name]),
  );
}

function isObjectOnly(schema: SchemaObject): boolean {
  return typesOf(schema)?.every((type) => type === 'object') ?? false;
}

function requiredOf(schema: SchemaObject): readonly string[] {
  const { required } = schema;
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}

/** The types that a schema names; integers are numbers. */
function typesOf(schema: SchemaObject): readonly string[] | undefined {
  const { type } = schema;
  const values = valuesOf(schema);
  if (type === undefined) return values === undefined ? undefined : [...values].map(typeOfJson);
  const types = (Array.isArray(type) ? type : [type]).map((name) =>
    name === 'integer' ? 'number' : String(name),
  );
  return schema['nullable'] === true ? [...types, 'null'] : types;
}

function typeOfJson(json: string): string {
  const value: unknown = JSON.parse(json);
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function valuesOf(schema: SchemaObject): ReadonlySet<string> | undefined {
  if (Object.hasOwn(schema, 'const')) return new Set([canonicalJson(schema['const'])]);
  return Array.isArray(schema['enum']) ? new Set(schema['enum'].map(canonicalJson)) : undefined;
}
