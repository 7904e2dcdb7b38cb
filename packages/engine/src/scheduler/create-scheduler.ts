import type { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { ResolvedEngineOptions } from '../options.ts';
import { ContinuousScheduler } from './continuous-scheduler.ts';
import { StaticScheduler } from './static-scheduler.ts';
import type { Scheduler } from './step-plan.ts';
import type { StepTimePredictor } from './step-time-predictor.ts';

/** The bounds of adaptive batching are set again this often. */
const windowMs = 50;
/** A static batch waits this long for its last members. */
const staticFillMsMax = 500;

/** The scheduler for a mode. */
export function createScheduler(
  options: ResolvedEngineOptions,
  ledger: KvLedger,
  predictor: StepTimePredictor,
): Scheduler {
  const { mode, batchTokensMax, microBatchTokensMax, agingMs } = options;
  const common = { ledger, batchTokensMax, microBatchTokensMax, agingMs };
  if (mode === 'static' || mode === 'static-ragged') {
    return new StaticScheduler({
      ...common,
      batchSize: options.staticBatchSize,
      isPadded: mode === 'static',
      fillMsMax: staticFillMsMax,
    });
  }
  return new ContinuousScheduler({
    ...common,
    predictor,
    mode,
    stepMsMax: options.tokenMsMax,
    sequencesMax: options.sequencesMax,
    prefillTokensFixed: microBatchTokensMax,
    chunkTokensMin: 16,
    outputTokensExpected: 256,
    shareTokensMin: 32,
    windowMs,
    nowMs: options.clock.nowMs(),
  });
}
