import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import { Cancellation } from '../messages/cancellation.ts';
import { WaitingLine } from './waiting-line.ts';

const patient = new Cancellation();

test('whoever came first looks first, also one that comes back', async () => {
  const line = new WaitingLine(new VirtualClock(), { lengthMax: 8 });
  const seen: string[] = [];
  const tickets = ['a', 'b', 'c'].map((name) => ({ name, ticket: line.take() }));
  const waits = tickets.map(async ({ name, ticket }) => {
    const end = await line.wait(ticket, 1_000, patient);
    seen.push(`${name} ${end}`);
  });
  line.wake(1);
  await waits[0];
  const again = line.wait(tickets[0]?.ticket ?? line.take(), 1_000, patient);
  line.wake(2);
  assert.equal(await again, 'look');
  await waits[1];
  assert.deepEqual(seen, ['a look', 'b look']);
  line.wake(5);
  await waits[2];
  assert.equal(line.length, 0);
});

test('waiting ends by time, by a client that leaves, and at once where the line is full', async () => {
  const clock = new VirtualClock();
  const line = new WaitingLine(clock, { lengthMax: 2 });
  const leaving = new Cancellation();
  const first = line.wait(line.take(), 100, patient);
  const second = line.wait(line.take(), 1_000, leaving);
  assert.equal(await line.wait(line.take(), 1_000, patient), 'full');
  clock.advance(100);
  assert.equal(await first, 'timed-out');
  leaving.cancel('client-gone');
  assert.equal(await second, 'left');
  assert.equal(await line.wait(line.take(), 1_000, leaving), 'left');
  assert.equal(await line.wait(line.take(), 0, patient), 'timed-out');
  assert.equal(line.length, 0);
});
