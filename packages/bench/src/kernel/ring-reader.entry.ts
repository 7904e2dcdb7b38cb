import { adoptPins, openRingBuffer, PinFolder, type RingOptions } from '@millrace/bpf';
import type { ReaderAccount } from './ring-reader.ts';
import {
  readSampleAtNs,
  readSampleBytes,
  readSampleKind,
  readSampleSequence,
} from './sample.gen.ts';

/** Reads a ring until its standard input ends, as a probe's reader would: every field taken, a histogram kept. */
const [folder = '', wait = 'timer'] = process.argv.slice(2);
const buckets = new Float64Array(64);
const account = { delivered: 0, bytes: 0, outOfOrder: 0 };
let lastNs = 0;

const ending = new AbortController();
process.stdin.on('end', () => ending.abort());
process.stdin.resume();
using adopted = adoptPins(new PinFolder(folder), { keepsPins: true });
using ring = openRingBuffer(adopted.map('samples'), {
  wait: wait as NonNullable<RingOptions['wait']>,
});
process.stdout.write('ready\n');
const before = process.cpuUsage();
for await (const batch of ring.batches({ signal: ending.signal })) batch.forEach(take);
ring.drain(take);
const { user, system } = process.cpuUsage(before);
const answer: ReaderAccount = {
  ...account,
  cpuUs: user + system,
  bytesBehind: ring.counters.bytesBehind,
};
process.stdout.write(`${JSON.stringify(answer)}\n`);

function take(view: DataView, offset: number): void {
  // One thread writes, from whichever processor it is on: only time orders its samples.
  const nextNs = readSampleAtNs(view, offset);
  if (nextNs < lastNs) account.outOfOrder += 1;
  lastNs = nextNs;
  account.delivered += 1;
  account.bytes += readSampleBytes(view, offset);
  const bucket = (readSampleSequence(view, offset) + readSampleKind(view, offset)) % 64;
  buckets[bucket] = (buckets[bucket] ?? 0) + 1;
}
