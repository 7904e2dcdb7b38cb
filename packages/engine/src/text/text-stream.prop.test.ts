import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StopMatcher } from './stop-matcher.ts';
import { TextStream } from './text-stream.ts';
import { Utf8Stream } from './utf8-stream.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const someText = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', '😀', '😁', '\u0000'),
  maxLength: 30,
});
const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '😀'), maxLength: 4 }), {
  maxLength: 4,
});
const cuts = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 20 });

test('decodes as TextDecoder does, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        bytes,
        someText.map((text) => new TextEncoder().encode(text)),
      ),
      cuts,
      (whole, lengths) => {
        const stream = new Utf8Stream();
        const parts = piecesOf(whole.length, lengths).map(([from, to]) =>
          stream.push(whole.subarray(from, to)),
        );
        assert.equal(
          parts.join('') + stream.end(),
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole),
        );
        assert.ok(parts.every((part) => part.isWellFormed()));
      },
    ),
  );
});

test('shows what a naive search would show, however the text is cut', () => {
  fc.assert(
    fc.property(someText, stops, cuts, (text, stopStrings, lengths) => {
      const stream = new TextStream(stopStrings);
      const whole = new TextEncoder().encode(text);
      let shown = '';
      let stop: string | undefined;
      for (const [from, to] of piecesOf(whole.length, lengths)) {
        const matched = stream.push(whole.subarray(from, to));
        shown += matched.text;
        stop = matched.stop;
        if (stop !== undefined) break;
      }
      if (stop === undefined) shown += stream.end();
      assert.deepEqual({ shown, stop }, naiveStop(text, stopStrings));
    }),
    { numRuns: 1000 },
  );
});

test('withholds exactly the longest end that begins a stop string', () => {
  fc.assert(
    fc.property(someText, stops, (text, stopStrings) => {
      const { text: shown, stop } = new StopMatcher(stopStrings).push(text);
      if (stop !== undefined) return;
      let keepFrom = 0;
      while (
        keepFrom < text.length &&
        !stopStrings.some((one) => one.startsWith(text.slice(keepFrom)))
      )
        keepFrom++;
      assert.equal(shown, text.slice(0, keepFrom));
    }),
    { numRuns: 1000 },
  );
});

function naiveStop(
  text: string,
  stopStrings: readonly string[],
): { shown: string; stop: string | undefined } {
  for (let end = 1; end <= text.length; end++) {
    const complete = stopStrings.filter((stop) => stop !== '' && text.slice(0, end).endsWith(stop));
    const longest = complete.toSorted((one, other) => other.length - one.length)[0];
    if (longest !== undefined) return { shown: text.slice(0, end - longest.length), stop: longest };
  }
  return { shown: text, stop: undefined };
}

function piecesOf(length: number, lengths: readonly number[]): [number, number][] {
  const pieces: [number, number][] = [];
  let from = 0;
  for (let index = 0; from < length; index++) {
    const to = Math.min(
      length,
      from + (lengths[index % lengths.length] ?? 1) + (index < 20 ? 0 : 1),
    );
    pieces.push([from, to]);
    from = to;
  }
  return pieces;
}
