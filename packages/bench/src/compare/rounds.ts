import type { RunningSide, Side } from '../sides/side.ts';

/** Runs every side once a round, in turn, one at a time, and tells of those that cannot be had. */
export async function inRounds(
  sides: readonly Side[],
  step: {
    readonly rounds: number;
    readonly run: (side: Side, running: RunningSide, round: number) => Promise<void>;
    readonly onMissing: (side: Side, reason: string) => void;
    readonly onProgress: (text: string) => void;
  },
): Promise<void> {
  const missing = new Set<Side>();
  for (let round = 0; round < step.rounds; round++) {
    for (const side of sides) {
      if (missing.has(side)) continue;
      const started = await side.start();
      if ('unavailable' in started) {
        missing.add(side);
        step.onMissing(side, started.unavailable);
        continue;
      }
      await using running = started;
      step.onProgress(`round ${round + 1} of ${step.rounds}: ${side.name}`);
      await step.run(side, running, round);
    }
  }
}
