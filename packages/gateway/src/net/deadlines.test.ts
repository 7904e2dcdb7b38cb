import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import { Deadline, DeadlineQueue } from './deadlines.ts';

test('deadlines fall due in their order, unless they were put off or called off', () => {
  const clock = new VirtualClock();
  using queue = new DeadlineQueue(clock, 100);
  const due: string[] = [];
  const [first, second, third] = ['first', 'second', 'third'].map(
    (name) => new Deadline(() => due.push(name)),
  ) as [Deadline, Deadline, Deadline];
  queue.set(first);
  clock.advance(30);
  queue.set(second);
  queue.set(third);
  clock.advance(30);
  queue.set(first);
  third.cancel();
  third.cancel();
  clock.advance(69);
  assert.deepEqual(due, []);
  clock.advance(1);
  assert.deepEqual(due, ['second']);
  clock.advance(30);
  assert.deepEqual(due, ['second', 'first']);
  clock.advance(1000);
  assert.deepEqual(due, ['second', 'first']);
});

test('one that is set when another falls due waits its whole length', () => {
  const clock = new VirtualClock();
  using queue = new DeadlineQueue(clock, 100);
  let count = 0;
  const again: Deadline = new Deadline(() => {
    count++;
    queue.set(again);
  });
  queue.set(again);
  clock.advance(1050);
  assert.equal(count, 10);
});

test('one that is put off falls due no sooner than its length after, and no more than a step later', () => {
  const clock = new VirtualClock();
  using queue = new DeadlineQueue(clock, 100, 4);
  for (const putOffMs of [[], [1], [24], [25, 49], [99], [10, 20, 99, 130, 131, 200]]) {
    const startedMs = clock.nowMs();
    let tookMs = -1;
    const deadline = new Deadline(() => (tookMs = clock.nowMs() - startedMs));
    queue.putOff(deadline);
    for (const atMs of putOffMs) {
      clock.advance(startedMs + atMs - clock.nowMs());
      queue.putOff(deadline);
    }
    clock.advance(500);
    const lastMs = putOffMs.at(-1) ?? 0;
    const isExact = putOffMs.length === 0;
    assert.ok(tookMs >= lastMs + 100 && tookMs <= lastMs + (isExact ? 100 : 125), `${tookMs} ms`);
  }
});

test('one that was put off and is set, or was called off, is as one that was never put off', () => {
  const clock = new VirtualClock();
  using queue = new DeadlineQueue(clock, 100, 4);
  const due: number[] = [];
  const deadline = new Deadline(() => due.push(clock.nowMs()));
  queue.set(deadline);
  queue.putOff(deadline);
  clock.advance(10);
  queue.set(deadline);
  clock.advance(90);
  queue.putOff(deadline);
  deadline.cancel();
  clock.advance(100);
  assert.deepEqual(due, []);
  queue.set(deadline);
  clock.advance(300);
  assert.deepEqual(due, [300]);
});

test('a queue that is disposed of lets nothing fall due', () => {
  const clock = new VirtualClock();
  const queue = new DeadlineQueue(clock, 100);
  queue.set(new Deadline(() => assert.fail('it was disposed of')));
  queue[Symbol.dispose]();
  clock.advance(1000);
});
