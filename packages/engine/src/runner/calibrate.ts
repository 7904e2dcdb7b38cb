import type { Context } from '@millrace/llama';
import type { Clock } from '@millrace/stdx';
import { cutIntoMicroBatches } from '../scheduler/micro-batches.ts';
import type { StepTimePredictor } from '../scheduler/step-time-predictor.ts';

/** Shapes whose times tell the cost of a graph, of a prefill token and of an output apart: [sequences, tokens of each]. */
const shapes: readonly (readonly [sequences: number, tokens: number])[] = [
  [1, 1],
  [1, 48],
  [8, 1],
  [1, 16],
  [4, 1],
  [1, 1],
];
const anyToken = 0;

/**
 * Runs a few throwaway steps, which pages the weights in and gives the predictor its first observations. The context
 * is empty before and after.
 */
export async function calibrate(options: {
  readonly context: Context;
  readonly predictor: StepTimePredictor;
  readonly clock: Clock;
}): Promise<void> {
  const { context, predictor, clock } = options;
  using batch = context.createBatch();
  for (const [index, [sequences, tokens]] of shapes.entries()) {
    if (sequences > context.sequencesMax || tokens > context.cellsPerSequence) continue;
    batch.clear();
    const entries = Array.from({ length: sequences }, (_, slot) => ({
      slot,
      fromPosition: 0,
      tokenCount: tokens,
    }));
    for (const { slot } of entries) {
      for (let position = 0; position < tokens; position++) {
        batch.add(anyToken, position, slot, position === tokens - 1);
      }
    }
    const fromMs = clock.nowMs();
    await context.decode(batch);
    const elapsedMs = clock.nowMs() - fromMs;
    context.clear();
    const microBatches = cutIntoMicroBatches(entries, {
      layout: context.layout,
      microBatchTokensMax: batch.capacity,
      cellsUsed: 0,
    });
    const isWarm = index > 0;
    if (isWarm) predictor.observe({ microBatches, copiedCells: 0 }, elapsedMs);
  }
}
