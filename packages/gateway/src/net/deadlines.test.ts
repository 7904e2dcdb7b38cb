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

test('a queue that is disposed of lets nothing fall due', () => {
  const clock = new VirtualClock();
  const queue = new DeadlineQueue(clock, 100);
  queue.set(new Deadline(() => assert.fail('it was disposed of')));
  queue[Symbol.dispose]();
  clock.advance(1000);
});
