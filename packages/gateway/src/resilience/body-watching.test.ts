import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type BodySink, BytesBody } from '../messages/body.ts';
import { HandBody } from '../testing/hand-body.ts';
import { PeekedBody } from './peeked-body.ts';
import { toldUsage } from './told-usage.ts';
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

test('a watched body is passed on whole, and its last bytes are known', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 900 })), (texts) => {
      const source = new HandBody();
      let [firsts, tail] = [0, ''];
      const body = new WatchedBody(source, {
        onFirst: () => firsts++,
        onOver: (_end, bytes) => (tail = bytes.toString('latin1')),
      });
      const { sink, got, ends } = collect();
      body.pipeTo(sink);
      for (const text of texts) source.give(text);
      source.finish('whole');
      const whole = Buffer.from(texts.join('')).toString('latin1');
      assert.equal(Buffer.from(got()).toString('latin1'), whole);
      assert.equal(tail, whole.slice(-2_048));
      assert.equal(firsts, whole === '' ? 0 : 1);
      assert.deepEqual(ends, ['whole']);
    }),
  );
});

test('a body that came whole before it was taken is watched when it passes, or is let go', () => {
  for (const isTaken of [true, false]) {
    const seen: string[] = [];
    const body = new WatchedBody(new BytesBody('{"usage":1}'), {
      onFirst: () => seen.push('first'),
      onOver: (end, tail) => seen.push(`${end} ${tail.toString()}`),
    });
    if (isTaken) body.pipeTo(collect().sink);
    else body.destroy();
    body.destroy();
    assert.deepEqual(seen, isTaken ? ['first', 'whole {"usage":1}'] : ['destroyed ']);
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
    'data: {"choices":[],"usage":{"prompt_tokens":40,"total_tokens":45,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":32}}}\n\ndata: [DONE]\n\n';
  assert.deepEqual(toldUsage(Buffer.from(vllm)), {
    promptTokens: 40,
    outputTokens: 5,
    cachedTokens: 32,
  });
  const silent = vllm.replace('{"cached_tokens":32}', 'null');
  assert.equal(toldUsage(Buffer.from(silent))?.cachedTokens, undefined);
  const llama = '"timings":{"cache_n":32,"prompt_n":1,"prompt_ms":12.5,"predicted_n":6}}\n\n';
  assert.deepEqual(toldUsage(Buffer.from(llama)), {
    promptTokens: 33,
    outputTokens: undefined,
    cachedTokens: 32,
  });
  const said = JSON.stringify({ content: '"prompt_tokens":7' });
  assert.equal(toldUsage(Buffer.from(said)), undefined, 'what a model says is no usage');
});
