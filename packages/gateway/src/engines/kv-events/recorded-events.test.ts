import assert from 'node:assert/strict';
import test from 'node:test';
import { exchangeIn, recordingOf } from '../../testing/recorded-engine.ts';
import { EventSequence } from './event-sequence.ts';
import { decodeKvEvents, type KvEvent } from './kv-event-batch.ts';

const recording = recordingOf('vllm');
const { messages, replay } = recording.kvEvents ?? assert.fail('no KV events are recorded');

function bytes(hex: string | undefined): Buffer {
  return Buffer.from(hex ?? assert.fail('a frame is missing'), 'hex');
}

const batches = messages.map(({ frames }) => decodeKvEvents(bytes(frames[2])));
const stored = batches.flatMap(({ events }) => events).filter((event) => event.kind === 'stored');

test('every event that vLLM published is known, whatever it said besides', () => {
  const kinds = { BlockStored: 'stored', BlockRemoved: 'removed', AllBlocksCleared: 'cleared' };
  for (const [at, { events, unknown }] of batches.entries()) {
    const told = messages[at]?.kinds.map((kind) => kinds[kind as keyof typeof kinds]);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      told,
    );
    assert.equal(unknown, 0);
  }
  const all = new Set(batches.flatMap(({ events }) => events.map(({ kind }) => kind)));
  assert.deepEqual(all, new Set(['stored', 'removed', 'cleared']));
});

test('maps and the arrays of earlier versions say the same', () => {
  for (const [at, { earlier }] of messages.entries()) {
    const { events } = decodeKvEvents(bytes(earlier));
    assert.deepEqual(events.map(withoutNewFields), batches[at]?.events.map(withoutNewFields));
  }
});

/** What earlier versions did not say: further keys of a block. */
function withoutNewFields(event: KvEvent): object {
  return event.kind === 'stored' ? { ...event, hasExtraKeys: false } : event;
}

test('the blocks of a prompt are its tokens as vLLM itself tokenizes it', () => {
  const { tokens } = JSON.parse(exchangeIn(recording, 'tokens of a chat').text) as {
    readonly tokens: readonly number[];
  };
  const blocks = stored.find(({ blocks: names }) => names.length === 5) ?? assert.fail();
  assert.equal(blocks.blockSize, 32);
  assert.equal(blocks.parent, undefined);
  assert.equal(blocks.hasExtraKeys, false);
  assert.deepEqual([...blocks.tokenIds], tokens.slice(0, 160));
});

test('a block that was removed had been stored under that name', () => {
  const removed = batches
    .flatMap(({ events }) => events)
    .filter((event) => event.kind === 'removed')
    .flatMap(({ blocks }) => blocks);
  assert.ok(removed.length > 0);
  const names = new Set(stored.flatMap(({ blocks }) => blocks));
  assert.ok(
    removed.some((name) => names.has(name)),
    'recorded messages are the first, so that not every block that goes was seen to come',
  );
});

test('numbers of messages run on from 0, and a replay brings them again', () => {
  const numbers = messages.map(({ frames }) => Number(bytes(frames[1]).readBigInt64BE()));
  assert.deepEqual(numbers.slice(0, 3), [0, 1, 2]);
  const sequence = new EventSequence(true);
  const late = messages[1] ?? assert.fail();
  const step = sequence.take({ sequence: 1, payload: bytes(late.frames[2]) });
  assert.deepEqual(step, { kind: 'replay', from: 0 });
  const [first, last] = replay;
  const payloads = [bytes(first?.at(-1)), bytes(late.frames[2])];
  assert.deepEqual(sequence.replayed([{ sequence: 0, payload: bytes(first?.at(-1)) }]), {
    kind: 'apply',
    payloads,
  });
  assert.equal(bytes(last?.at(-2)).readBigInt64BE(), -1n);
  assert.deepEqual(payloads[0], bytes(messages[0]?.frames[2]));
});
