import type { Prng } from '@millrace/stdx';

/** A schema and a value that is valid under it. */
export interface SchemaExample {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** A random schema of what grammars support, with a random value valid under it, made along with it. */
export function randomSchema(prng: Prng, depth = 3): SchemaExample {
  const makers = depth > 0 ? [...scalarMakers, ...nestedMakers] : scalarMakers;
  return pick(prng, makers)(prng, depth);
}

type Maker = (prng: Prng, depth: number) => SchemaExample;

const names = ['a', 'ab', 'b', 'name', 'é "q"', 'x\\y', ''];

const scalarMakers: readonly Maker[] = [
  () => ({ schema: { type: 'null' }, value: null }),
  (prng) => ({ schema: { type: 'boolean' }, value: prng.below(2) === 0 }),
  (prng) => {
    const lengths = spread(prng, 12);
    const value = Array.from({ length: lengths.value }, () =>
      pick(prng, ['a', 'Z', '"', '\\', '\n', 'é', '😀', ' ']),
    ).join('');
    return {
      schema: { type: 'string', ...bounds(prng, lengths, ['minLength', 'maxLength']) },
      value,
    };
  },
  (prng) => {
    const value = prng.below(2001) - 1000;
    const range = { min: value - prng.below(50), max: value + prng.below(500), value };
    return { schema: { type: 'integer', ...bounds(prng, range, ['minimum', 'maximum']) }, value };
  },
  (prng) => {
    const value = (prng.below(20_001) - 10_000) / 2 ** prng.below(8);
    const range = { min: value - prng.below(400) / 16, max: value + prng.below(400) / 128, value };
    return { schema: { type: 'number', ...bounds(prng, range, ['minimum', 'maximum']) }, value };
  },
  (prng) => {
    const value = (prng.below(2001) - 1000) / 8;
    const range = {
      min: value - 1 / 2 ** prng.below(5),
      max: value + 1 / 2 ** prng.below(5),
      value,
    };
    return {
      schema: { type: 'number', ...bounds(prng, range, ['exclusiveMinimum', 'exclusiveMaximum']) },
      value,
    };
  },
  (prng) => {
    const values = ['red', 'gre"en', 3, -0.5, null, true, { a: [1] }, []];
    return { schema: { enum: values }, value: pick(prng, values) };
  },
  (prng) => {
    const [pattern, value] = pick(prng, patterns);
    return { schema: { type: 'string', pattern }, value };
  },
];

const patterns: readonly (readonly [string, string])[] = [
  ['^[A-Z]{2,3}-\\d+$', 'AB-12'],
  ['^(a|b(c|d)?)*$', 'abcbd'],
  ['^(a?b?)*c$', 'abbac'],
  ['^[^a-z"]+$', 'A Z\n9'],
  ['^"\\w{1,3}"\\\\$', '"x_1"\\'],
  ['^v\\.\\S+|none$', 'it is none'],
  ['^(?:x{60,70}|y{100})$', 'x'.repeat(66)],
];

const nestedMakers: readonly Maker[] = [
  (prng, depth) => {
    const lengths = spread(prng, 4);
    const item = randomSchema(prng, depth - 1);
    const value = Array.from({ length: lengths.value }, () => item.value);
    return {
      schema: {
        type: 'array',
        items: item.schema,
        ...bounds(prng, lengths, ['minItems', 'maxItems']),
      },
      value,
    };
  },
  (prng, depth) => {
    const heads = Array.from({ length: 1 + prng.below(3) }, () => randomSchema(prng, depth - 1));
    const schema = {
      type: 'array',
      prefixItems: heads.map((one) => one.schema),
      items: false,
      minItems: prng.below(2),
    };
    const length = Math.max(schema.minItems, prng.below(heads.length + 1));
    return { schema, value: heads.slice(0, length).map((one) => one.value) };
  },
  objectExample,
  objectExample,
  (prng, depth) => {
    const branches = Array.from({ length: 1 + prng.below(3) }, () => randomSchema(prng, depth - 1));
    return {
      schema: { anyOf: branches.map((one) => one.schema) },
      value: pick(prng, branches).value,
    };
  },
  (prng, depth) => {
    const { schema, value } = randomSchema(prng, depth - 1);
    return { schema: { allOf: [schema, {}], description: 'both' }, value };
  },
  (prng, depth) => {
    const { schema, value } = randomSchema(prng, depth - 1);
    return {
      schema: { type: 'object', additionalProperties: schema },
      value: { [pick(prng, names)]: value },
    };
  },
];

function objectExample(prng: Prng, depth: number): SchemaExample {
  const properties: Record<string, unknown> = {};
  const required: string[] = [];
  const value: Record<string, unknown> = {};
  for (const name of names) {
    if (prng.below(2) === 0) continue;
    const member = randomSchema(prng, depth - 1);
    properties[name] = member.schema;
    if (prng.below(2) === 0) required.push(name);
    if (required.includes(name) || prng.below(2) === 0) value[name] = member.value;
  }
  const additional = prng.below(3);
  if (additional === 0)
    return { schema: { type: 'object', properties, required, additionalProperties: false }, value };
  if (additional === 1) return { schema: { type: 'object', properties, required }, value };
  const further = randomSchema(prng, depth - 1);
  const others = prng.below(2) === 0 ? { zz: further.value } : {};
  return {
    schema: { type: 'object', properties, required, additionalProperties: further.schema },
    value: { ...value, ...others },
  };
}

interface Spread {
  readonly min: number;
  readonly max: number;
  readonly value: number;
}

function spread(prng: Prng, max: number): Spread {
  const value = prng.below(max + 1);
  return {
    value,
    min: prng.below(value + 1),
    max: value + prng.below(prng.below(4) === 0 ? 100 : 3),
  };
}

function bounds(
  prng: Prng,
  { min, max }: Spread,
  [minKeyword, maxKeyword]: readonly [string, string],
): Record<string, number> {
  return {
    ...(prng.below(2) === 0 ? { [minKeyword]: min } : {}),
    ...(prng.below(2) === 0 ? { [maxKeyword]: max } : {}),
  };
}

function pick<T>(prng: Prng, list: readonly T[]): T {
  return list[prng.below(list.length)] as T;
}
