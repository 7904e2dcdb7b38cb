import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadedObject, pinFolderFor, TestRun } from '@millrace/bpf';
import { type ReaderAccount, RingReader } from './ring-reader.ts';

/** One run at one rate. */
export interface RateRun {
  readonly eventsPerSecond: number;
  readonly attempted: number;
  readonly dropped: number;
  readonly delivered: number;
  readonly readerUsPerEvent: number;
  readonly outOfOrder: number;
}

export interface RateOptions {
  readonly eventsPerSecond: number;
  readonly seconds: number;
  readonly wait: 'timer' | 'epoll';
}

const packetBytes = 300;
const readerCpu = 1;
/** Events come in bursts this far apart: a program that ran for each would be no faster. */
const burstMs = 0.25;

/** Lets a program write samples at a rate, on this thread, while a process on another processor reads them. */
export async function runAtRate(
  loaded: LoadedObject,
  { eventsPerSecond, seconds, wait }: RateOptions,
): Promise<RateRun> {
  const folder = pinFolderFor({ name: 'bench' });
  folder.create();
  try {
    loaded.map('samples').pin(folder.pathOf('maps', 'samples'));
    const before = readAccount(loaded);
    await using reader = new RingReader({ folder: folder.path, wait, cpu: readerCpu });
    await reader.ready();
    produce(loaded, { eventsPerSecond, seconds });
    // What was written last is read by then, as it would be while events go on.
    await sleep(200);
    const account = await reader.end();
    const after = readAccount(loaded);
    return rateRun(account, {
      attempted: after.attempted - before.attempted,
      dropped: after.dropped - before.dropped,
      seconds,
    });
  } finally {
    folder.remove();
  }
}

function produce(
  loaded: LoadedObject,
  { eventsPerSecond, seconds }: { readonly eventsPerSecond: number; readonly seconds: number },
): void {
  using run = new TestRun(loaded.program('ring_sample'), new Uint8Array(packetBytes));
  const startMs = performance.now();
  const total = Math.round(eventsPerSecond * seconds);
  const burst = Math.max(1, Math.round((eventsPerSecond * burstMs) / 1_000));
  for (let done = 0; done < total;) {
    const due = Math.floor(((performance.now() - startMs) * eventsPerSecond) / 1_000);
    if (due - done < burst && total - done > burst) continue;
    // No burst is longer than four: after a pause, what is late comes in bursts too.
    const count = Math.min(total - done, burst * 4, Math.max(burst, due - done));
    run.run(count);
    done += count;
  }
}

function readAccount(loaded: LoadedObject): {
  readonly attempted: number;
  readonly dropped: number;
} {
  const sum = (key: number): number =>
    (loaded.map('account').lookupPerCpu(key) ?? []).reduce(
      (total, value) => total + Number(Buffer.from(value).readBigUInt64LE()),
      0,
    );
  return { attempted: sum(0), dropped: sum(1) };
}

function rateRun(
  { delivered, cpuUs, outOfOrder }: ReaderAccount,
  {
    attempted,
    dropped,
    seconds,
  }: { readonly attempted: number; readonly dropped: number; readonly seconds: number },
): RateRun {
  return {
    eventsPerSecond: attempted / seconds,
    attempted,
    dropped,
    delivered,
    readerUsPerEvent: cpuUs / delivered,
    outOfOrder,
  };
}
