import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AnswerUnreadableError } from '../errors.ts';
import { SseReader } from './sse-reader.ts';

const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\r\n]/g, '·'));

/** An event as a server may write it: data of several lines, other fields and comments between them. */
const event = fc.record({
  data: fc.array(line, { minLength: 1, maxLength: 3 }),
  other: fc.constantFrom('', ': a comment', 'event: message', 'id: 7', 'datum: x'),
  spaced: fc.boolean(),
});

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted(
    (one, other) => one - other,
  );
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

test('events are the same however their bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(event), lineEnd, fc.array(fc.nat(5000)), (events, end, places) => {
      const text = events
        .map(({ data, other, spaced }) => {
          const lines = data.map((each) => `data:${spaced ? ' ' : ''}${each}`);
          return [...(other === '' ? [] : [other]), ...lines, '', ''].join(end);
        })
        .join('');
      const reader = new SseReader();
      const read = cut(Buffer.from(text), places).flatMap((piece) => [...reader.push(piece)]);
      const expected = events.map(({ data, spaced }) =>
        data
          .map((each) => Buffer.from(each).toString())
          .map((each) => (spaced ? each : each.replace(/^ /, '')))
          .join('\n'),
      );
      assert.deepEqual([...read, ...reader.end()], expected);
    }),
  );
});

test('an event that its server did not end is read at the end', () => {
  const reader = new SseReader();
  assert.deepEqual(reader.push(Buffer.from('data: 1\n\ndata: 2')), ['1']);
  assert.deepEqual(reader.end(), ['2']);
});

test('an event without end is refused at its bound', () => {
  const reader = new SseReader();
  const piece = Buffer.from(`data: ${'x'.repeat(2 ** 20)}\n`);
  assert.throws(() => {
    for (let count = 0; count < 20; count++) reader.push(piece);
  }, AnswerUnreadableError);
});
