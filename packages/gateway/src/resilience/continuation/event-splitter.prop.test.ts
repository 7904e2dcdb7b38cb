import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { dataOf, EventSplitter } from './event-splitter.ts';

test('however a stream is cut into pieces, the same events come out, and nothing is lost', () => {
  const line = fc.constantFrom(
    'data: {"a":"é"}',
    'data:x',
    ': comment',
    'event: y',
    'data: [DONE]',
  );
  const event = fc.tuple(
    fc.array(line, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('\n', '\r\n'),
  );
  fc.assert(
    fc.property(
      fc.array(event),
      fc.array(fc.nat(40)),
      fc.constantFrom('', 'data: cut'),
      (list, cuts, tail) => {
        const whole = list.map(([lines, end]) => lines.map((one) => one + end).join('') + end);
        const bytes = Buffer.from(whole.join('') + tail);
        const splitter = new EventSplitter(1_000);
        const found: string[] = [];
        let start = 0;
        for (const length of [...cuts, bytes.length]) {
          for (const one of splitter.push(bytes.subarray(start, start + length)) ?? [])
            found.push(one.toString());
          start = Math.min(bytes.length, start + length);
        }
        assert.deepEqual(found, whole);
        assert.equal(splitter.rest.toString(), tail);
      },
    ),
  );
});

test('an event beyond its bound is told', () => {
  const splitter = new EventSplitter(8);
  assert.deepEqual(splitter.push(Buffer.from('data: 1')), []);
  assert.equal(splitter.push(Buffer.from('23456')), undefined);
});

test('the data of an event are its lines, joined', () => {
  assert.equal(dataOf(Buffer.from('data: a\r\ndata:b\r\n\r\n')), 'a\nb');
  assert.equal(dataOf(Buffer.from(': only a comment\n\n')), undefined);
});
