import { parentPort, workerData } from 'node:worker_threads';
import type { LaneSetup } from '../lanes/lane-messages.ts';
import { runLane as runSoundLane } from '../lanes/lane-thread.ts';

/** Told to one lane in a test: what goes wrong in it. */
export interface LaneFault {
  readonly kind: 'fault';
  readonly lane: number;
  readonly how: 'throws' | 'hangs';
}

/** A lane like any other, that can be told to go wrong. */
export async function runLane(): Promise<void> {
  const { lane } = workerData as LaneSetup;
  parentPort?.on('message', (told: LaneFault) => {
    if (told.kind !== 'fault' || told.lane !== lane) return;
    if (told.how === 'throws') throw new Error('a fault that nobody catches');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  await runSoundLane();
}
