import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededPrng } from '@millrace/stdx';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { GbnfMatcher } from '../testing/gbnf-matcher.ts';
import { randomSchema } from '../testing/random-schema.ts';
import { grammarOfJsonSchema } from './json-schema-grammar.ts';

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const seeds = fc.nat();

test('allows a valid value of any schema, in compact and in spaced form', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const { schema, value } = randomSchema(seededPrng(seed));
      assert.ok(ajv.validate(schema, value), 'the example is one');
      const matcher = new GbnfMatcher(grammarOfJsonSchema(schema));
      assert.ok(matcher.accepts(JSON.stringify(value)), JSON.stringify({ schema, value }));
      if (!hasEnum(schema))
        assert.ok(
          matcher.accepts(JSON.stringify(value, null, 2)),
          JSON.stringify({ schema, value }),
        );
    }),
    { numRuns: 300 },
  );
});

test('allows only texts that are JSON and valid', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const prng = seededPrng(seed);
      const { schema } = randomSchema(prng);
      const validate = ajv.compile(schema);
      const matcher = new GbnfMatcher(grammarOfJsonSchema(schema));
      for (let round = 0; round < 8; round++) {
        const text = matcher.sample(prng);
        assert.ok(
          validate(JSON.parse(text)),
          JSON.stringify({ schema, text, errors: validate.errors }),
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('refuses the values of other schemas that are not valid under its own', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const prng = seededPrng(seed);
      const { schema } = randomSchema(prng);
      const validate = ajv.compile(schema);
      const matcher = new GbnfMatcher(grammarOfJsonSchema(schema));
      for (let round = 0; round < 8; round++) {
        const { value } = randomSchema(prng);
        if (matcher.accepts(JSON.stringify(value)))
          assert.ok(validate(value), JSON.stringify({ schema, value }));
      }
    }),
    { numRuns: 300 },
  );
});

/** Values of an enumeration are written in one form only. */
function hasEnum(schema: unknown): boolean {
  return JSON.stringify(schema).includes('"enum"');
}
