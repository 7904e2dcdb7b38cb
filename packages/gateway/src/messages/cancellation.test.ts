import assert from 'node:assert/strict';
import test from 'node:test';
import { Cancellation } from './cancellation.ts';

test('tells each subscriber once, in order, and those who come late at once', () => {
  const cancellation = new Cancellation();
  const told: number[] = [];
  const dropped = (): void => void told.push(0);
  cancellation.subscribe(dropped);
  for (const number of [1, 2, 3]) cancellation.subscribe(() => told.push(number));
  cancellation.unsubscribe(dropped);
  cancellation.cancel('client-gone');
  cancellation.cancel('deadline');
  cancellation.subscribe(() => told.push(4));
  assert.deepEqual(told, [1, 2, 3, 4]);
  assert.equal(cancellation.reason, 'client-gone', 'the first reason counts');
});

test('a fork ends with what it came from, and alone', () => {
  const whole = new Cancellation();
  const [lost, kept] = [whole.fork(), whole.fork()];
  lost.cancel('superseded');
  assert.equal(whole.reason, undefined);
  whole.cancel('deadline');
  assert.deepEqual([lost.reason, kept.reason], ['superseded', 'deadline']);
});

test('a signal of the platform brings a cancellation about', () => {
  const controller = new AbortController();
  const cancellation = Cancellation.bySignal(controller.signal, 'deadline');
  assert.equal(cancellation.reason, undefined);
  controller.abort();
  assert.equal(cancellation.reason, 'deadline');
  assert.equal(Cancellation.bySignal(AbortSignal.abort(), 'deadline').reason, 'deadline');
});
