import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planOf, summaryOf } from '../testing/tool-answers.ts';
import type { ToolForm } from './tool-form.ts';

const forms: readonly ToolForm[] = ['hermes', 'llama', 'mistral'];
const someCall = fc
  .record({
    name: fc.constantFrom('weather', 'time'),
    arguments: fc.dictionary(fc.string(), fc.json(), { maxKeys: 3 }),
  })
  .map(({ name, arguments: args }) => ({ name, arguments: JSON.stringify(args) }));
const plainText = fc
  .string({ unit: fc.constantFrom('a', 'é', ' ', '.'), minLength: 1 })
  .map((text) => `x${text}x`);
/** Text that comes near to being a call. */
const trickyText = fc
  .array(
    fc.constantFrom(
      '<tool_call>',
      '</tool_call>',
      '<tool',
      '[TOOL_CALLS]',
      '[TOOL',
      '<|python_tag|>',
      '[',
      ']',
      '{',
      '}',
      '"',
      ':',
      ',',
      ';',
      ' ',
      '\n',
      'a',
      '\\',
      '"name"',
      '"time"',
      '"fly"',
      '"arguments"',
      '"parameters"',
      '{"name":"time"',
      '"arguments":{}',
      '1',
      'null',
    ),
    { maxLength: 24 },
  )
  .map((parts) => parts.join(''));
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 });

test('makes the same of an answer however it is cut', () => {
  fc.assert(
    fc.property(fc.constantFrom(...forms), trickyText, cuts, (form, text, lengths) => {
      assert.deepEqual(
        summaryOf(planOf(form), piecesOf(text, lengths)),
        summaryOf(planOf(form), [text]),
      );
    }),
    { numRuns: 3000 },
  );
});

test('loses nothing but blanks of an answer without calls', () => {
  fc.assert(
    fc.property(fc.constantFrom(...forms), trickyText, cuts, (form, text, lengths) => {
      const { content, calls } = summaryOf(planOf(form), piecesOf(text, lengths));
      if (calls.length === 0) assert.equal(content, text);
    }),
    { numRuns: 3000 },
  );
});

test('reads back the calls and the text that an answer was made of', () => {
  fc.assert(
    fc.property(
      fc.option(plainText, { nil: '' }),
      fc.array(someCall, { minLength: 1, maxLength: 3 }),
      cuts,
      (before, calls, lengths) => {
        for (const form of forms) {
          const text = before + written(form, calls);
          // Bare calls stand at the start of an answer; behind text the form has its marker.
          const pieces = piecesOf(
            form === 'llama' && before !== ''
              ? text.replace('x{"name"', 'x<|python_tag|>{"name"')
              : text,
            lengths,
          );
          const { content, calls: read } = summaryOf(planOf(form), pieces);
          assert.equal(content, before);
          assert.deepEqual(
            read,
            calls.map((call) => ({ ...call, isEnded: true })),
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

function written(form: ToolForm, calls: readonly { name: string; arguments: string }[]): string {
  if (form === 'llama') {
    return calls
      .map((call) => `{"name": "${call.name}", "parameters": ${call.arguments}}`)
      .join('; ');
  }
  const objects = calls.map((call) => `{"name": "${call.name}", "arguments": ${call.arguments}}`);
  if (form === 'mistral') return `[TOOL_CALLS][${objects.join(', ')}]`;
  return objects.map((one) => `<tool_call>\n${one}\n</tool_call>`).join('\n');
}

function piecesOf(text: string, lengths: readonly number[]): readonly string[] {
  const pieces: string[] = [];
  for (let from = 0, index = 0; from < text.length; index++) {
    const length = lengths[index % lengths.length] ?? 1;
    pieces.push(text.slice(from, from + length));
    from += length;
  }
  return pieces;
}
