import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../errors.ts';
import { GbnfMatcher } from '../testing/gbnf-matcher.ts';
import { formatPatterns } from './formats.ts';
import { grammarOfJsonObject, grammarOfJsonSchema } from './json-schema-grammar.ts';

interface Example {
  readonly title: string;
  readonly schema: unknown;
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
}

const tree = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: {
        value: { type: 'integer' },
        children: { type: 'array', items: { $ref: '#/$defs/node' } },
      },
      required: ['value'],
    },
  },
};

const examples: readonly Example[] = [
  {
    title: 'asks for required properties and lets others go',
    schema: {
      properties: { a: { type: 'integer' }, b: { type: 'integer' }, c: { type: 'integer' } },
      required: ['b'],
    },
    allowed: ['{"b":1}', '{"a":1, "b":2}', '{"b":1,"c":2}', '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'],
    refused: ['{}', '{"a":1}', '{"b":1,}', '{,"b":1}', '{"b":1,"d":2}'],
  },
  {
    title: 'keeps further properties apart from declared ones',
    schema: { properties: { ab: { type: 'integer' } }, additionalProperties: { type: 'string' } },
    allowed: [
      '{}',
      '{"ab":1}',
      '{"a":"x"}',
      '{"abc":"x"}',
      '{"":"x"}',
      '{"ab":1,"ac":"x","b":"y"}',
    ],
    refused: ['{"ab":"x"}', '{"a":1}', '{"a":"x","ab":"y"}', '{"\\u0061b":"x"}'],
  },
  {
    title: 'asks for a required property that is not declared',
    schema: { type: 'object', required: ['x'] },
    allowed: ['{"x":[1,{"y":null}]}'],
    refused: ['{}', '{"y":1}'],
  },
  {
    title: 'allows any object where no property is declared',
    schema: { type: 'object' },
    allowed: ['{}', '{"a":{"b":[1.5e3,true,"x"]}}'],
    refused: ['[]', '{"a":01}'],
  },
  {
    title: 'closes objects whose properties may not be unevaluated',
    schema: { type: 'object', unevaluatedProperties: false },
    allowed: ['{}'],
    refused: ['{"a":1}'],
  },
  {
    title: 'closes objects that declare an empty list of properties',
    schema: { type: 'object', properties: {} },
    allowed: ['{}', '{ }'],
    refused: ['{"a":1}'],
  },
  {
    title: 'follows references that lead back',
    schema: tree,
    allowed: ['{"value":1}', '{"value":1,"children":[{"value":2,"children":[]}]}'],
    refused: ['{"value":1,"children":[{}]}'],
  },
  {
    title: 'merges allOf, the strictest bound first',
    schema: {
      allOf: [
        { type: 'object', properties: { a: { type: 'number', minimum: 2 } }, required: ['a'] },
        { properties: { a: { type: 'integer', maximum: 4 }, b: { type: 'null' } } },
      ],
    },
    allowed: ['{"a":2}', '{"a":4,"b":null}'],
    refused: ['{"a":1}', '{"a":5}', '{"a":2.5}', '{"b":null}'],
  },
  {
    title: 'never writes a property that another branch of allOf closes out',
    schema: {
      allOf: [
        { type: 'object', properties: { a: { type: 'null' } }, additionalProperties: false },
        { properties: { b: { type: 'null' } } },
      ],
    },
    allowed: ['{}', '{"a":null}'],
    refused: ['{"b":null}'],
  },
  {
    title: 'multiplies anyOf with what stands beside it',
    schema: {
      type: 'object',
      properties: { a: { type: 'null' }, b: { type: 'null' } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    allowed: ['{"a":null}', '{"b":null}', '{"a":null,"b":null}'],
    refused: ['{}'],
  },
  {
    title: 'takes oneOf whose branches a tag tells apart',
    schema: {
      oneOf: [
        { type: 'object', properties: { kind: { const: 'dot' } }, required: ['kind'] },
        {
          type: 'object',
          properties: { kind: { const: 'disc' }, radius: { type: 'integer' } },
          required: ['kind', 'radius'],
        },
        { type: 'null' },
      ],
    },
    allowed: ['{"kind":"dot"}', '{"kind":"disc","radius":2}', 'null'],
    refused: ['{"kind":"disc"}', '{"kind":"square"}'],
  },
  {
    title: 'lets nullable add null',
    schema: { type: 'string', nullable: true, maxLength: 1 },
    allowed: ['null', '"a"', '""', '"😀"', '"\\n"', '"\\u00e9"'],
    refused: ['"ab"', '"\\ud83d"'],
  },
  {
    title: 'takes several types at once',
    schema: { type: ['integer', 'null', 'boolean'] },
    allowed: ['-12', 'null', 'true'],
    refused: ['1.5', '"x"', '01'],
  },
  {
    title: 'narrows an enumeration by what stands beside it',
    schema: {
      enum: ['a', 'abc', 1, 20, null],
      type: ['string', 'integer'],
      minLength: 2,
      minimum: 5,
    },
    allowed: ['"abc"', '20'],
    refused: ['"a"', '1', 'null'],
  },
  {
    title: 'counts items',
    schema: { type: 'array', items: { type: 'null' }, minItems: 2, maxItems: 3 },
    allowed: ['[null,null]', '[null, null, null]'],
    refused: ['[]', '[null]', '[null,null,null,null]'],
  },
  {
    title: 'gives the first items their own schemas',
    schema: {
      prefixItems: [{ type: 'null' }, { type: 'boolean' }],
      items: { type: 'integer' },
      minItems: 1,
    },
    allowed: ['[null]', '[null,true]', '[null,true,1,2]'],
    refused: ['[]', '[true]', '[null,1]'],
  },
  {
    title: 'counts the characters of long strings exactly',
    schema: { type: 'string', minLength: 100, maxLength: 3001 },
    allowed: [`"${'x'.repeat(100)}"`, `"${'x'.repeat(3001)}"`],
    refused: [`"${'x'.repeat(99)}"`, `"${'x'.repeat(3002)}"`],
  },
  {
    title: 'bounds blanks between tokens',
    schema: { type: 'array', items: { type: 'null' } },
    allowed: ['[ null ]', `[\n${' '.repeat(16)}null\n]`],
    refused: ['[  null]', '[\n\nnull]', `[\n${' '.repeat(17)}null]`, ' []', '[] ', '[null ,null]'],
  },
  {
    title: 'understands anchors at either end of a pattern',
    schema: { type: 'string', pattern: 'b+$' },
    allowed: ['"b"', '"a\\"b"', '"abbb"'],
    refused: ['"ba"'],
  },
];

describe('a grammar of a JSON schema', () => {
  for (const { title, schema, allowed, refused } of examples) {
    test(title, () => {
      const matcher = new GbnfMatcher(grammarOfJsonSchema(schema));
      for (const text of allowed) assert.ok(matcher.accepts(text), `allows ${text.slice(0, 80)}`);
      for (const text of refused) assert.ok(!matcher.accepts(text), `refuses ${text.slice(0, 80)}`);
    });
  }
});

const unsupported: readonly (readonly [schema: unknown, message: RegExp])[] = [
  [{ not: {} }, /"not" at "#" is not supported; allowed: the keywords \$ref/],
  [{ properties: { 'a/b': { if: {} } } }, /"if" at "#\/properties\/a~1b"/],
  [{ type: 'array', uniqueItems: true }, /"uniqueItems" true at "#".*allowed: false/],
  [{ type: 'strin' }, /"type" "strin" at "#".*allowed: null, boolean/],
  [{ type: 'string', format: 'iri' }, /"format" "iri".*allowed: date, /],
  [{ type: 'string', pattern: '(?=a)' }, /"pattern" "\(\?=a\)".*look-around/],
  [{ type: 'string', pattern: '(' }, /"pattern" "\(" at "#"/],
  [{ type: 'string', pattern: 'a\\b' }, /"\\b" is not understood/],
  [{ type: 'string', pattern: '^a*$', maxLength: 3 }, /"maxLength" at "#".*beside "pattern"/],
  [{ type: 'string', minLength: -1 }, /"minLength" -1.*a whole number from 0/],
  [{ type: 'string', maxLength: 2_000_000 }, /"maxLength" 2000000.*at most 1000000/],
  [
    { $ref: 'https://example.org/x' },
    /"\$ref" "https:\/\/example.org\/x".*references within the schema/,
  ],
  [{ $ref: '#/$defs/x' }, /"\$ref".*there is no "\$defs"/],
  [
    { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
    /"\$ref" at "#\/\$defs\/a".*lead back/,
  ],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, /"oneOf" at "#\/oneOf\/1".*else anyOf/],
  [{ type: 'number', multipleOf: 0.1 }, /"multipleOf" 0.1.*allowed: 1/],
  [{ type: 'object', properties: { a: {} }, minProperties: 1 }, /"minProperties".*use "required"/],
  [{ allOf: [{ type: 'null' }, { type: 'string' }] }, /a schema that some value satisfies/],
  [{ properties: { a: { $ref: '#' } }, required: ['a'] }, /contains itself without end/],
  [false, /some value satisfies/],
  ['string', /"schema" "string" at "#".*an object, true or false/],
];

for (const [schema, message] of unsupported) {
  test(`refuses ${JSON.stringify(schema)} and says what is allowed`, () => {
    assert.throws(
      () => grammarOfJsonSchema(schema),
      (error) => {
        assert.ok(error instanceof EngineError);
        assert.equal(error.code, 'ENGINE_SCHEMA_UNSUPPORTED');
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('refuses a schema whose grammar would be too large', () => {
  const properties = Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [
      `property-${index}`,
      { type: 'string', maxLength: index },
    ]),
  );
  assert.throws(
    () => grammarOfJsonSchema({ type: 'object', properties }),
    /more than \d+ (rules|characters), the limit/,
  );
});

test('refuses a schema that nests without reason', () => {
  let schema: unknown = { type: 'null' };
  for (let depth = 0; depth < 5000; depth++) schema = { type: 'array', items: schema };
  assert.throws(() => grammarOfJsonSchema(schema), /at most 128 levels of nesting/);
});

test('refuses an enumeration that nests or grows without reason', () => {
  let value: unknown = null;
  for (let depth = 0; depth < 50_000; depth++) value = [value];
  assert.throws(() => grammarOfJsonSchema({ const: value }), /less nesting/);
  assert.throws(
    () => grammarOfJsonSchema({ const: 'x'.repeat(300_000) }),
    /at most 262144 characters/,
  );
});

test('writes what values of an enumeration share but once', () => {
  const words = ['car', 'carpet', 'cat', 'dog', ''];
  const gbnf = grammarOfJsonSchema({ enum: words });
  const matcher = new GbnfMatcher(gbnf);
  for (const word of words) assert.ok(matcher.accepts(JSON.stringify(word)), word);
  for (const word of ['ca', 'carp', 'do', 'cardog'])
    assert.ok(!matcher.accepts(JSON.stringify(word)), word);
  assert.ok(!gbnf.includes('carpet') && gbnf.includes('pet'));
});

test('refuses branches that multiply beyond the limit', () => {
  const branch = { anyOf: [{ minLength: 1 }, { minLength: 2 }, { minLength: 3 }] };
  const schema = {
    type: 'string',
    allOf: Array.from({ length: 9 }, () => structuredClone(branch)),
  };
  assert.throws(() => grammarOfJsonSchema(schema), /at most 256 combinations/);
  const dead = {
    ...schema,
    allOf: [...schema.allOf, ...Array.from({ length: 9 }, () => structuredClone(branch)), false],
  };
  assert.throws(() => grammarOfJsonSchema(dead), /at most 50000 schemas/);
});

test('takes every JSON object in the mode for objects', () => {
  const matcher = new GbnfMatcher(grammarOfJsonObject());
  assert.ok(matcher.accepts('{"a": [1, -0.5e+10, "\\u00e9\\n", {"b": {}}], "c": null}'));
  for (const text of ['', '[]', '"x"', '{', '{"a"}', '{"a":1e999}', '{"a":\u0001}'])
    assert.ok(!matcher.accepts(text), text);
});

const formatExamples: Readonly<Record<string, readonly [allowed: string, refused: string]>> = {
  date: ['2024-02-29', '2100-02-29'],
  'date-time': ['2026-01-31T23:59:59.123Z', '2026-04-31T00:00:00Z'],
  duration: ['P3Y6M4DT12H30M5S', 'P1S'],
  email: ['ada.lovelace@example.org', 'ada@'],
  hostname: ['a.example-1.org', '-a.org'],
  ipv4: ['192.168.0.255', '256.1.1.1'],
  ipv6: ['2001:db8:0:0:0:0:0:1', '2001:db8'],
  time: ['23:59:59+02:00', '24:00:00Z'],
  uri: ['https://example.org/a?b=c#d', 'example.org'],
  uuid: ['123e4567-e89b-12d3-a456-426614174000', '123e4567'],
};

for (const format of Object.keys(formatPatterns)) {
  test(`follows the format ${format}`, () => {
    const [allowed, refused] = formatExamples[format] ?? ['', ''];
    const matcher = new GbnfMatcher(grammarOfJsonSchema({ type: 'string', format }));
    assert.ok(matcher.accepts(JSON.stringify(allowed)));
    assert.ok(!matcher.accepts(JSON.stringify(refused)));
  });
}
