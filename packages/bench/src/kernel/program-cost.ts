import { type LoadedObject, TestRun } from '@millrace/bpf';

/** The programs of `bpf/kernel-cost.bpf.c` that are compared, and what each stands for. */
export const comparedPrograms: Readonly<Record<string, string>> = {
  empty: 'empty program',
  percpu_array_histogram: 'histogram in a per-CPU array',
  array_atomic: 'histogram in an array, atomic',
  percpu_hash: 'histogram in a per-CPU hash',
  hash_atomic: 'histogram in a hash, atomic',
  clock: 'clock read',
  start_and_stop: 'clock, entry in a hash made and removed',
};

const packetBytes = 300;
/** Runs in one call of the kernel. */
const runsPerCall = 1_000_000;

/** Nanoseconds of a run of each program, round by round; the programs take turns. */
export function measurePrograms(
  loaded: LoadedObject,
  rounds: number,
): ReadonlyMap<string, readonly number[]> {
  const packet = new Uint8Array(packetBytes);
  const runs = Object.keys(comparedPrograms).map((name) => ({
    name,
    run: new TestRun(loaded.program(name), packet),
    values: [] as number[],
  }));
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const { run, values } of runs) {
        const startMs = performance.now();
        run.run(runsPerCall);
        // The kernel tells whole nanoseconds; a call of a million runs is measured finer from outside.
        const ns = ((performance.now() - startMs) * 1e6) / runsPerCall;
        if (round >= 0) values.push(ns);
      }
    }
  } finally {
    for (const { run } of runs) run[Symbol.dispose]();
  }
  return new Map(runs.map(({ name, values }) => [name, values]));
}
