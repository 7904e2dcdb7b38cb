import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededPrng } from '@millrace/stdx';
import fc from 'fast-check';
import { randomSchema } from '../testing/random-schema.ts';
import { gbnfProblem } from './gbnf-problem.ts';
import { grammarOfJsonSchema } from './json-schema-grammar.ts';

const harmless = [
  'root ::= "a"',
  '# a comment with ( and "\nroot ::= (\n  item ( "," item )*\n)\nitem ::= [^"\\]()]+ | "\\"(" # more',
  'root ::= "(" root ")" | [0-9]{1,3} root? | .',
  'value ::= "[" (value ("," value)*)? "]"\nroot ::= value',
  'root ::= <think> !</think>* </think> "x"',
];

for (const gbnf of harmless) {
  test(`lets ${JSON.stringify(gbnf)} pass`, () => assert.equal(gbnfProblem(gbnf), undefined));
}

test('lets every grammar of a schema pass', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      assert.equal(
        gbnfProblem(grammarOfJsonSchema(randomSchema(seededPrng(seed)).schema)),
        undefined,
      );
    }),
  );
});

test('lets the largest grammars of schemas pass', () => {
  const names = Array.from({ length: 1000 }, (_, index) => `property-${index}`);
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'integer' }]));
  assert.equal(gbnfProblem(grammarOfJsonSchema({ type: 'object', properties })), undefined);
  assert.equal(gbnfProblem(grammarOfJsonSchema({ enum: names })), undefined);
  const nested = Array.from({ length: 500 }, (_, index) => 'x'.repeat(index));
  assert.equal(gbnfProblem(grammarOfJsonSchema({ enum: nested })), undefined);
  assert.equal(gbnfProblem(grammarOfJsonSchema({ type: 'number', minimum: 1e-300 })), undefined);
});

const doubling = Array.from(
  { length: 40 },
  (_, at) => `r${at} ::= r${at + 1} | r${at + 1} "x"\n`,
).join('');
const skipping = Array.from(
  { length: 40 },
  (_, at) => `r${at} ::= r${at + 1}? r${at + 1} "x"\n`,
).join('');

const harmful: readonly (readonly [title: string, gbnf: string, reason: RegExp])[] = [
  [
    'groups that nest by the thousand',
    `root ::= ${'('.repeat(5000)}"a"${')'.repeat(5000)}`,
    /deeper than 100/,
  ],
  ['a rule that begins with itself', 'root ::= root "a" | "b"', /"root" begins with itself/],
  [
    'a rule that begins with itself behind what may be left out',
    'root ::= "x"? a\na ::= [0-9]* root',
    /begins with itself/,
  ],
  [
    'rules whose beginnings double at each step',
    `root ::= r0\n${doubling}r40 ::= "x"`,
    /too many others/,
  ],
  [
    'rules that begin with the next twice',
    `root ::= r0\n${skipping}r40 ::= "x"`,
    /too many others/,
  ],
  ['a set without an end', `root ::= ${'['.repeat(50_000)}`, /has no end/],
  ['too much text', `root ::= "${'x'.repeat(300_000)}"`, /at most 262144/],
  ['a NUL character', 'root ::= "\0"', /NUL/],
];

for (const [title, gbnf, reason] of harmful) {
  test(`stops ${title}`, () => assert.match(gbnfProblem(gbnf) ?? '', reason));
}
