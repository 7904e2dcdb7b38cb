import assert from 'node:assert/strict';
import test from 'node:test';
import type { GenerationEvent } from '../request.ts';
import { GenerationStream } from './generation-stream.ts';

const text = (part: string, choiceIndex = 0): GenerationEvent => ({
  kind: 'text',
  choiceIndex,
  text: part,
  tokens: [],
});
const finished: GenerationEvent = {
  kind: 'finished',
  usage: { promptTokens: 1, completionTokens: 1, cachedTokens: 0 },
};

async function collect(stream: GenerationStream): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

test('text that a slow reader has not taken grows into one event a choice', async () => {
  const stream = new GenerationStream({ onCancel: () => undefined, isHeld: false });
  for (const part of ['a', 'b', 'c']) stream.push(text(part));
  stream.push(text('x', 1));
  stream.push(text('d'));
  stream.push(finished);
  assert.deepEqual(await collect(stream), [text('abc'), text('x', 1), text('d'), finished]);
});

test('a reader that stops early cancels; one that reads to the end does not', async () => {
  let cancelled = 0;
  const abandoned = new GenerationStream({ onCancel: () => cancelled++, isHeld: false });
  abandoned.push(text('a'));
  for await (const event of abandoned) if (event.kind === 'text') break;
  assert.equal(cancelled, 1);
  const whole = new GenerationStream({ onCancel: () => cancelled++, isHeld: false });
  whole.push(finished);
  await collect(whole);
  whole.cancel();
  assert.equal(cancelled, 1);
});

test('a held stream gives nothing before it is released', async () => {
  const stream = new GenerationStream({ onCancel: () => undefined, isHeld: true });
  stream.push(text('a'));
  stream.push(finished);
  let got: GenerationEvent[] | undefined;
  const reading = collect(stream).then((events) => (got = events));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(got, undefined);
  stream.release();
  assert.equal((await reading).length, 2);
});
