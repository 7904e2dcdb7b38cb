import type { KvOperation } from '../kv-cache/prefix.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { BatchEntry, MicroBatch } from './micro-batches.ts';
import type { StepWork } from './step-time-predictor.ts';

/** One sequence's tokens in a step. */
export interface PlanEntry extends BatchEntry {
  readonly sequence: Sequence;
  /** True when the last real token reaches the end of what is known, so that the next token can be sampled. */
  readonly wantsLogits: boolean;
  /** How many of `tokenCount` are thrown away after the step; only the static mode, which pads, has any. */
  readonly paddingCount: number;
}

/** What one pool computes in a step; entries ascend by slot. */
export interface PoolBatch {
  readonly pool: number;
  readonly entries: readonly PlanEntry[];
  readonly microBatches: readonly MicroBatch[];
}

/** One step of the engine as data: what happens to the caches, what is computed, and who must leave. */
export interface StepPlan {
  /** To be carried out in this order before any batch, also when there is no batch. */
  readonly operations: readonly KvOperation[];
  readonly batches: readonly PoolBatch[];
  /** Sequences whose deadline has passed; they hold nothing any more. */
  readonly expired: readonly Sequence[];
  /** Sequences for which no pool has room even when they are alone; they hold nothing any more. */
  readonly outgrown: readonly Sequence[];
  /** Sequences that could have gone on but for a slot, and the pool that had none. */
  readonly starved: ReadonlyMap<Sequence, number>;
  readonly work: StepWork;
  readonly predictedMs: number;
}

/** What a scheduler shows of itself. */
export interface SchedulerView {
  readonly runningCount: number;
  readonly waitingCount: number;
  readonly waitingTokens: number;
  readonly sequencesBound: number;
  readonly preemptionCount: number;
  readonly predictorErrorRatio: number;
}

/** Decides, step by step, which tokens of which sequences are computed. Knows no clock and does no I/O. */
export interface Scheduler {
  readonly view: SchedulerView;
  /** True when answers leave only when the whole batch is done. */
  readonly holdsOutput: boolean;
  enqueue(sequence: Sequence): void;
  plan(nowMs: number): StepPlan;
  /** Records that the plan's tokens were computed, in `elapsedMs`; undefined when the time says nothing. */
  settle(plan: StepPlan, elapsedMs: number | undefined): void;
  /** Takes a sequence out, wherever it is: it has ended or is no longer wanted. Frees its cells at once. */
  remove(sequence: Sequence, nowMs: number): void;
}
