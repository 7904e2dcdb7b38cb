import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type BodySink, BytesBody } from '../messages/body.ts';
import { HandBody } from '../testing/hand-body.ts';
import { PeekedBody } from './peeked-body.ts';
import { AnswerUsage, toldUsage } from './told-usage.ts';
import { WatchedBody } from './watched-body.ts';

function collect(): {
  readonly sink: BodySink;
  readonly got: () => string;
  readonly ends: string[];
} {
  const [pieces, ends]: [string[], string[]] = [[], []];
  return {
    sink: {
      write: (piece) => void pieces.push(piece.toString()),
      flush: () => true,
      end: (end) => void ends.push(end),
    },
    got: () => pieces.join(''),
    ends,
  };
}

test('a watched body is passed on whole, and each of its bytes is seen', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 900 })), (texts) => {
      const source = new HandBody();
      let [firsts, seen] = [0, ''];
      const body = new WatchedBody(source, {
        onFirst: () => firsts++,
        onPiece: (piece) => void (seen += piece.toString()),
        onOver: () => undefined,
      });
      const { sink, got, ends } = collect();
      body.pipeTo(sink);
      for (const text of texts) source.give(text);
      source.finish('whole');
      assert.equal(seen, got());
      assert.equal(Buffer.from(got()).toString(), Buffer.from(texts.join('')).toString());
      assert.equal(firsts, texts.join('') === '' ? 0 : 1);
      assert.deepEqual(ends, ['whole']);
    }),
  );
});

test('a body that came whole before it was taken is watched when it passes, or is let go', () => {
  for (const isTaken of [true, false]) {
    const seen: string[] = [];
    const body = new WatchedBody(new BytesBody('{"usage":1}'), {
      onFirst: () => seen.push('first'),
      onPiece: (piece) => seen.push(piece.toString()),
      onOver: (end) => seen.push(end),
    });
    if (isTaken) body.pipeTo(collect().sink);
    else body.destroy();
    body.destroy();
    assert.deepEqual(seen, isTaken ? ['first', '{"usage":1}', 'whole'] : ['destroyed']);
  }
});

test('the first bytes of a body are waited for, and nothing is lost', async () => {
  const source = new HandBody();
  const body = new PeekedBody(source);
  source.give('one ');
  assert.equal(await body.first, true);
  assert.equal(source.isPaused, true, 'it waits until somebody takes it');
  const { sink, got, ends } = collect();
  body.pipeTo(sink);
  assert.equal(source.isPaused, false);
  source.give('two');
  source.finish('died');
  assert.equal(got(), 'one two');
  assert.deepEqual(ends, ['died']);
});

test('a body that ends at once, or is destroyed, has no first bytes', async () => {
  const ended = new HandBody();
  const peeked = new PeekedBody(ended);
  ended.finish('whole');
  assert.equal(await peeked.first, false);
  const { sink, ends } = collect();
  peeked.pipeTo(sink);
  assert.deepEqual(ends, ['whole']);
  const destroyed = new PeekedBody(new HandBody());
  destroyed.destroy();
  assert.equal(await destroyed.first, false);
});

test('usage is read from the end of an answer, as each engine writes it', () => {
  const vllm =
    '{"choices":[],"usage":{"prompt_tokens":40,"total_tokens":45,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":32}}}';
  const told = { promptTokens: 40, outputTokens: 5, cachedTokens: 32 };
  assert.deepEqual(toldUsage(Buffer.from(vllm)), told);
  assert.deepEqual(toldUsage(Buffer.from(vllm.replaceAll(':', ' :\n '))), told);
  const silent = vllm.replace('{"cached_tokens":32}', 'null');
  assert.equal(toldUsage(Buffer.from(silent))?.cachedTokens, undefined);
  const llama = '"timings":{"cache_n":32,"prompt_n":1,"prompt_ms":12.5,"predicted_n":6}}';
  assert.deepEqual(toldUsage(Buffer.from(llama)), {
    promptTokens: 33,
    outputTokens: undefined,
    cachedTokens: 32,
  });
  const said = JSON.stringify({ content: '"prompt_tokens":7' });
  assert.equal(toldUsage(Buffer.from(said)), undefined, 'what a model says is no usage');
  const named = '{"prompt_tokens":7,"x":"prompt_tokens","y":["prompt_tokens"]}';
  assert.equal(toldUsage(Buffer.from(named))?.promptTokens, 7);
});

test('usage is found however an answer is cut, and whether or not its length is known', () => {
  const end = Buffer.from('"usage":{"prompt_tokens":40,"completion_tokens":5}}');
  fc.assert(
    fc.property(
      fc.nat(5_000),
      fc.array(fc.nat(5_100), { maxLength: 5 }),
      fc.boolean(),
      (before, cuts, isLengthKnown) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 'x'), end]);
        const reader = new AnswerUsage(isLengthKnown ? bytes.length : undefined);
        const marks = [...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b)];
        for (const [at, mark] of [...marks, bytes.length].entries()) {
          const piece = Buffer.from(bytes.subarray(marks[at - 1] ?? 0, mark));
          reader.push(piece);
          // The memory of a piece is its reader's, who writes over it.
          piece.fill('9');
        }
        const told = { promptTokens: 40, outputTokens: 5, cachedTokens: undefined };
        assert.deepEqual(reader.usage, told);
      },
    ),
  );
});
