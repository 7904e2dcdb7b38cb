import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HeldClock, systemClock, VirtualClock } from './clock.ts';

test('a virtual clock stands still until it is moved', () => {
  const clock = new VirtualClock();
  assert.equal(clock.nowMs(), 0);
  clock.advance(12.5);
  assert.equal(clock.nowMs(), 12.5);
  assert.equal(clock.unixMs(), 12.5);
});

test('timers fire once, in order of time and then of setting, whatever the steps', () => {
  const delays = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 });
  const steps = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 10 });
  fc.assert(
    fc.property(delays, steps, (delaysMs, stepsMs) => {
      const clock = new VirtualClock();
      const fired: { readonly index: number; readonly atMs: number }[] = [];
      for (const [index, delayMs] of delaysMs.entries()) {
        clock.after(delayMs, () => fired.push({ index, atMs: clock.nowMs() }));
      }
      for (const ms of stepsMs) clock.advance(ms);
      const expected = delaysMs
        .map((atMs, index) => ({ index, atMs }))
        .filter(({ atMs }) => stepsMs.length > 0 && atMs <= clock.nowMs())
        .toSorted((one, other) => one.atMs - other.atMs || one.index - other.index);
      assert.deepEqual(fired, expected);
    }),
  );
});

test('a timer that is set while another fires falls due in the same move', () => {
  const clock = new VirtualClock();
  const firedAtMs: number[] = [];
  clock.after(10, () => clock.after(10, () => firedAtMs.push(clock.nowMs())));
  clock.advance(30);
  assert.deepEqual(firedAtMs, [20]);
});

test('a cancelled timer never fires', () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  clock.after(10, () => fired.push('cancelled')).cancel();
  {
    using timer = clock.after(10, () => fired.push('disposed'));
    timer.cancel();
  }
  clock.after(10, () => fired.push('kept'));
  clock.advance(10);
  assert.deepEqual(fired, ['kept']);
});

test("the machine's clock never goes back", () => {
  const before = systemClock.nowMs();
  assert.ok(systemClock.nowMs() >= before);
});

test("the machine's clock fires timers, and not those that were cancelled", async () => {
  const fired = Promise.withResolvers<string>();
  systemClock.after(0, () => fired.resolve('cancelled')).cancel();
  systemClock.after(1, () => fired.resolve('kept'));
  // Timers of the clock keep no process alive; this one does until they have fired.
  const keepAlive = setInterval(() => undefined, 1_000);
  assert.equal(await fired.promise, 'kept');
  clearInterval(keepAlive);
});

test('a clock that is held tells one time until it is released', () => {
  const virtual = new VirtualClock();
  const clock = new HeldClock(virtual);
  virtual.advance(5);
  assert.equal(clock.unixMs(), 5);
  assert.equal(clock.hold(), true);
  assert.equal(clock.unixMs(), 5);
  virtual.advance(5);
  assert.deepEqual([clock.unixMs(), clock.nowMs()], [5, 5]);
  assert.equal(clock.hold(), false, 'it is held already');
  virtual.advance(5);
  assert.deepEqual([clock.unixMs(), clock.nowMs()], [5, 5]);
  clock.release();
  assert.deepEqual([clock.unixMs(), clock.nowMs()], [15, 15]);
  let firedAtMs = 0;
  clock.after(2, () => (firedAtMs = clock.nowMs()));
  virtual.advance(3);
  assert.equal(firedAtMs, 17);
});

test('a clock that is held follows a time of day that is set, within a second', () => {
  const virtual = new VirtualClock();
  let setByMs = 0;
  const clock = new HeldClock({
    nowMs: () => virtual.nowMs(),
    unixMs: () => virtual.unixMs() + setByMs,
    after: (delayMs, run) => virtual.after(delayMs, run),
    hold: () => false,
    release: () => undefined,
  });
  const heldUnixMs = (): number => {
    clock.hold();
    const unixMs = clock.unixMs();
    clock.release();
    return unixMs;
  };
  assert.equal(heldUnixMs(), 0);
  setByMs = -3_600_000;
  virtual.advance(999);
  assert.equal(heldUnixMs(), 999);
  virtual.advance(1);
  assert.equal(heldUnixMs(), 1_000 - 3_600_000);
});
