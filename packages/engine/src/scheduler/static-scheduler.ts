import type { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { KvOperation } from '../kv-cache/prefix.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { WaitingQueue } from '../sequence/waiting-queue.ts';
import { type Grant, planBatches } from './plan-batches.ts';
import type { Scheduler, SchedulerView, StepPlan } from './step-plan.ts';

/** How the static scheduler decides. */
export interface StaticSchedulerOptions {
  readonly ledger: KvLedger;
  /** Sequences that are collected before a batch starts. */
  readonly batchSize: number;
  /** True: prompts are padded to the longest and ended sequences are computed on until the last has ended. */
  readonly isPadded: boolean;
  /** A batch starts with fewer when its first sequence has waited this long. */
  readonly fillMsMax: number;
  readonly batchTokensMax: number;
  readonly microBatchTokensMax: number;
  readonly agingMs: number;
}

/**
 * Batches as engines did before continuous batching, for comparison only: a batch is collected, computed until its
 * last sequence has ended, and nobody enters meanwhile.
 */
export class StaticScheduler implements Scheduler {
  readonly holdsOutput: boolean;
  readonly #options: StaticSchedulerOptions;
  readonly #ledger: KvLedger;
  readonly #waiting: WaitingQueue;
  /** The batch being computed; in the padded mode with those that have ended. */
  #members: Sequence[] = [];
  readonly #leftover: KvOperation[] = [];

  constructor(options: StaticSchedulerOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
    this.#waiting = new WaitingQueue(options.agingMs);
    this.holdsOutput = options.isPadded;
  }

  get view(): SchedulerView {
    return {
      runningCount: this.#members.filter((member) => member.phase === 'running').length,
      waitingCount: this.#waiting.size,
      waitingTokens: this.#waiting.tokens,
      sequencesBound: this.#options.batchSize,
      preemptionCount: 0,
      predictorErrorRatio: 0,
    };
  }

  enqueue(sequence: Sequence): void {
    this.#waiting.add(sequence);
  }

  remove(sequence: Sequence, nowMs: number): void {
    const wasRunning = sequence.phase === 'running';
    sequence.phase = 'done';
    if (!wasRunning) {
      this.#waiting.remove(sequence);
      return;
    }
    const isOver = this.#members.every((member) => member.phase === 'done');
    if (this.#options.isPadded && !isOver) return;
    const leaving = this.#options.isPadded ? this.#members : [sequence];
    for (const member of leaving) this.#leftover.push(...this.#ledger.release(member, nowMs));
    this.#members = this.#members.filter((member) => !leaving.includes(member));
  }

  plan(nowMs: number): StepPlan {
    const expired = [...this.#waiting, ...this.#members].filter(
      (sequence) => sequence.phase !== 'done' && sequence.deadlineAtMs <= nowMs,
    );
    for (const sequence of expired) this.remove(sequence, nowMs);
    const operations = this.#leftover.splice(0);
    const starved = new Map<Sequence, number>();
    if (this.#members.length === 0) this.#collect({ nowMs, operations, starved });
    for (const pool of this.#ledger.pools) operations.push(...this.#ledger.compact(pool.index));
    const { batches, work } = planBatches({
      ledger: this.#ledger,
      grants: this.#grants(),
      operations,
      microBatchTokensMax: this.#options.microBatchTokensMax,
    });
    return { operations, batches, expired, outgrown: [], starved, work, predictedMs: 0 };
  }

  settle(plan: StepPlan): void {
    for (const batch of plan.batches) {
      for (const { sequence, tokenCount, paddingCount, slot } of batch.entries) {
        if (tokenCount > paddingCount) this.#ledger.advance(sequence, tokenCount - paddingCount);
        if (paddingCount === 0) continue;
        this.#leftover.push({ kind: 'cut', pool: batch.pool, slot, length: sequence.computed });
      }
    }
  }

  /** Starts a batch when there are enough, or the first has waited long enough, and a pool has slots for all. */
  #collect(draft: {
    readonly nowMs: number;
    readonly operations: KvOperation[];
    readonly starved: Map<Sequence, number>;
  }): void {
    const { batchSize, fillMsMax } = this.#options;
    const [first] = this.#waiting;
    if (first === undefined) return;
    if (this.#waiting.size < batchSize && draft.nowMs - first.arrivedAtMs < fillMsMax) return;
    const chosen = [...this.#waiting].slice(0, batchSize);
    const longest = Math.max(...chosen.map((sequence) => sequence.tokensMax));
    const fitting = this.#ledger.pools.filter((pool) => pool.shape.slotTokensMax >= longest);
    const pool = fitting.find((candidate) => candidate.shape.slotCount >= chosen.length);
    if (pool === undefined) {
      for (const sequence of chosen) if (fitting[0]) draft.starved.set(sequence, fitting[0].index);
      return;
    }
    for (const sequence of chosen) {
      this.#waiting.remove(sequence);
      draft.operations.push(...this.#ledger.place(sequence, pool.index, draft.nowMs));
      sequence.cachedTokens ??= sequence.computed;
      this.#members.push(sequence);
    }
  }

  #grants(): ReadonlyMap<Sequence, Grant> {
    const grants = new Map<Sequence, Grant>();
    const { batchTokensMax, isPadded } = this.#options;
    const cap = Math.max(1, Math.floor(batchTokensMax / Math.max(1, this.#members.length)));
    const live = this.#members.filter((member) => member.phase === 'running');
    const longest = Math.min(cap, Math.max(0, ...live.map((member) => member.remaining)));
    for (const member of this.#members) {
      const isLive = member.phase === 'running';
      const tokens = isLive ? Math.min(member.remaining, cap) : 0;
      const room = this.#ledger.pools[this.#ledger.slotOf(member).pool]?.shape.slotTokensMax ?? 0;
      const padding = isPadded ? Math.min(longest - tokens, room - member.computed - tokens) : 0;
      if (tokens + padding > 0) grants.set(member, { tokens, padding });
    }
    return grants;
  }
}
