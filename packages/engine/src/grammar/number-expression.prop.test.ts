import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededPrng } from '@millrace/stdx';
import fc from 'fast-check';
import { EngineError } from '../errors.ts';
import { GbnfMatcher } from '../testing/gbnf-matcher.ts';
import { grammarOfJsonSchema } from './json-schema-grammar.ts';

const integers = fc.oneof(fc.integer({ min: -30, max: 30 }), fc.maxSafeInteger(), fc.integer());
const numbers = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.integer({ min: -2000, max: 2000 }).map((eighths) => eighths / 8),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => Number(value.toFixed(4))),
  fc.constantFrom(0, 0.1, 1e-7, 1e21, -1e21, 1e-300, -3e-40, 0.30000000000000004),
);

test('integer ranges allow exactly the integers between their bounds', () => {
  fc.assert(
    fc.property(integers, integers, fc.array(integers), (one, other, probes) => {
      const [minimum, maximum] = [Math.min(one, other), Math.max(one, other)];
      const matcher = new GbnfMatcher(grammarOfJsonSchema({ type: 'integer', minimum, maximum }));
      for (const value of [
        ...probes,
        minimum,
        maximum,
        minimum - 1,
        maximum + 1,
        minimum + 1,
        maximum - 1,
        0,
      ]) {
        if (!Number.isSafeInteger(value)) continue;
        const isWithin = value >= minimum && value <= maximum;
        assert.equal(
          matcher.accepts(String(value)),
          isWithin,
          `${value} in [${minimum}, ${maximum}]`,
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('integers with one bound are bounded on that side only', () => {
  fc.assert(
    fc.property(integers, fc.array(integers), (bound, probes) => {
      const above = new GbnfMatcher(
        grammarOfJsonSchema({ type: 'integer', exclusiveMinimum: bound }),
      );
      const below = new GbnfMatcher(grammarOfJsonSchema({ type: 'integer', maximum: bound }));
      for (const value of [...probes, bound, bound + 1, bound - 1]) {
        if (!Number.isSafeInteger(value)) continue;
        assert.equal(above.accepts(String(value)), value > bound, `${value} > ${bound}`);
        assert.equal(below.accepts(String(value)), value <= bound, `${value} <= ${bound}`);
      }
    }),
  );
});

test('number ranges allow only numbers between their bounds', () => {
  fc.assert(
    fc.property(numbers, numbers, fc.nat(), (one, other, seed) => {
      const isExclusive = seed % 2 === 0;
      const [low, high] = [Math.min(one, other), Math.max(one, other)];
      const schema = isExclusive
        ? { type: 'number', exclusiveMinimum: low, exclusiveMaximum: high }
        : { type: 'number', minimum: low, maximum: high };
      const matcher = matcherOf(schema);
      if (matcher === undefined)
        return assert.ok(
          low === high
            ? isExclusive || Math.abs(low) >= 1e18 || Math.abs(low) < 1e-30
            : high - low < 1e-30,
        );
      const prng = seededPrng(seed);
      for (let round = 0; round < 20; round++) {
        const text: string = matcher.sample(prng);
        const value: number = JSON.parse(text);
        assert.ok(
          isExclusive ? value > low && value < high : value >= low && value <= high,
          `${text} in ${JSON.stringify(schema)}`,
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('number ranges allow every number between their bounds that has few digits', () => {
  fc.assert(
    fc.property(numbers, numbers, fc.array(numbers), (one, other, probes) => {
      const [minimum, maximum] = [Math.min(one, other), Math.max(one, other)];
      const matcher = matcherOf({ type: 'number', minimum, maximum });
      if (matcher === undefined) return assert.ok(maximum - minimum < 1e-30);
      for (const value of [...probes, minimum, maximum]) {
        const written = String(value);
        if (written.includes('e') || written.length > 12) continue;
        const isWithin = value >= minimum && value <= maximum;
        assert.equal(matcher.accepts(written), isWithin, `${written} in [${minimum}, ${maximum}]`);
      }
    }),
    { numRuns: 300 },
  );
});

function matcherOf(schema: unknown): GbnfMatcher | undefined {
  try {
    return new GbnfMatcher(grammarOfJsonSchema(schema));
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
