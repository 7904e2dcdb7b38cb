import { assert, assertDefined } from '@millrace/stdx';
import type { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { KvOperation } from '../kv-cache/prefix.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { WaitingQueue } from '../sequence/waiting-queue.ts';
import { planBatches } from './plan-batches.ts';
import { type StepBudget, TimeBudget, TokenBudget } from './step-budget.ts';
import type { Scheduler, SchedulerView, StepPlan } from './step-plan.ts';
import type { StepTimePredictor } from './step-time-predictor.ts';
import { WorkloadWindow } from './workload-window.ts';

/** How the continuous scheduler decides. */
export interface ContinuousSchedulerOptions {
  readonly ledger: KvLedger;
  readonly predictor: StepTimePredictor;
  /** `adaptive`: the budget is what fits into the objective. `continuous`: a fixed number of tokens. */
  readonly mode: 'adaptive' | 'continuous';
  /** The objective: a step with running decodes should not take longer. */
  readonly stepMsMax: number;
  readonly sequencesMax: number;
  readonly batchTokensMax: number;
  readonly microBatchTokensMax: number;
  /** Prefill tokens of a step in mode `continuous`. */
  readonly prefillTokensFixed: number;
  /** A new sequence's first chunk is at least this long, or its whole prompt. */
  readonly chunkTokensMin: number;
  /** Output that a sequence is expected to need room for before it is moved to a larger pool. */
  readonly outputTokensExpected: number;
  /** A waiting sequence lets another finish a shared prefix first when it saves at least this much. */
  readonly shareTokensMin: number;
  readonly agingMs: number;
  readonly windowMs: number;
  readonly nowMs: number;
}

/** A step without running decodes may take this many times the objective: nobody waits for a token. */
const idleStretch = 2;
/** Waiting sequences looked at in one step; those behind wait for the next. */
const admissionScanMax = 64;

/** What one call of `plan` collects. */
interface Draft {
  readonly nowMs: number;
  readonly operations: KvOperation[];
  /** Tokens to compute, by sequence. */
  readonly grants: Map<Sequence, number>;
  readonly expired: Sequence[];
  readonly outgrown: Sequence[];
  readonly preempted: Set<Sequence>;
  readonly starved: Map<Sequence, number>;
}

/**
 * Batches continuously: decodes first, one token each; what is left of the step goes to prefill chunks, first come
 * first served. Sequences enter and leave at every step.
 */
export class ContinuousScheduler implements Scheduler {
  readonly holdsOutput = false;
  readonly #options: ContinuousSchedulerOptions;
  readonly #ledger: KvLedger;
  readonly #predictor: StepTimePredictor;
  readonly #window: WorkloadWindow;
  readonly #waiting: WaitingQueue;
  /** In the order in which they were placed: the last is the youngest. */
  #running: Sequence[] = [];
  readonly #leftover: KvOperation[] = [];
  #sequencesBound: number;
  #preemptionCount = 0;

  constructor(options: ContinuousSchedulerOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
    this.#predictor = options.predictor;
    this.#waiting = new WaitingQueue(options.agingMs);
    this.#window = new WorkloadWindow({ windowMs: options.windowMs, nowMs: options.nowMs });
    this.#sequencesBound = options.sequencesMax;
  }

  get view(): SchedulerView {
    return {
      runningCount: this.#running.length,
      waitingCount: this.#waiting.size,
      waitingTokens: this.#waiting.tokens,
      sequencesBound: this.#sequencesBound,
      preemptionCount: this.#preemptionCount,
      predictorErrorRatio: this.#predictor.errorRatio,
    };
  }

  enqueue(sequence: Sequence): void {
    this.#window.recordArrival(sequence.length);
    this.#waiting.add(sequence);
  }

  remove(sequence: Sequence, nowMs: number): void {
    this.#end(sequence, nowMs, this.#leftover);
  }

  plan(nowMs: number): StepPlan {
    if (this.#window.tick(nowMs) !== undefined) this.#setBounds();
    const draft: Draft = {
      nowMs,
      operations: this.#leftover.splice(0),
      grants: new Map(),
      expired: [],
      outgrown: [],
      preempted: new Set(),
      starved: new Map(),
    };
    this.#expire(draft);
    this.#grantDecodes(draft);
    const budget = this.#budget(draft);
    this.#grantPrefills(draft, budget);
    this.#admit(draft, budget);
    for (const pool of this.#ledger.pools)
      draft.operations.push(...this.#ledger.compact(pool.index));
    return this.#finishPlan(draft);
  }

  settle(plan: StepPlan, elapsedMs: number | undefined): void {
    const { work } = plan;
    const isTelling = elapsedMs !== undefined && work.microBatches.length > 0;
    if (isTelling) this.#predictor.observe(work, elapsedMs);
    for (const batch of plan.batches) {
      for (const entry of batch.entries) this.#ledger.advance(entry.sequence, entry.tokenCount);
    }
  }

  #end(sequence: Sequence, nowMs: number, operations: KvOperation[]): void {
    if (sequence.phase === 'running') {
      this.#running = this.#running.filter((other) => other !== sequence);
      operations.push(...this.#ledger.release(sequence, nowMs));
      this.#window.recordFinish(sequence.generatedCount);
    } else {
      this.#waiting.remove(sequence);
    }
    sequence.phase = 'done';
  }

  /** As many sequences as can each get a token within the objective while new prompts keep pace with them. */
  #setBounds(): void {
    if (this.#options.mode !== 'adaptive') return;
    const { promptTokensMean, outputTokensMean } = this.#window.view();
    const width = promptTokensMean + outputTokensMean / 2;
    const prefillPerOutput = Math.min(1, promptTokensMean / Math.max(1, outputTokensMean));
    const decodeMs = this.#predictor.outputMs(width);
    const perSequenceMs = decodeMs + prefillPerOutput * this.#predictor.tokenMs(width);
    const availableMs = this.#objectiveMs() - 2 * this.#predictor.graphMs;
    const fitting = Math.floor(availableMs / perSequenceMs);
    this.#sequencesBound = Math.max(1, Math.min(this.#options.sequencesMax, fitting));
  }

  /** The objective, less what the predictor's error may add to it. */
  #objectiveMs(): number {
    return this.#options.stepMsMax * (1 - Math.min(0.5, this.#predictor.errorRatio));
  }

  #expire(draft: Draft): void {
    const late = [...this.#waiting, ...this.#running].filter(
      (sequence) => sequence.deadlineAtMs <= draft.nowMs,
    );
    for (const sequence of late) {
      this.#end(sequence, draft.nowMs, draft.operations);
      draft.expired.push(sequence);
    }
  }

  #grantDecodes(draft: Draft): void {
    for (const sequence of [...this.#running]) {
      if (sequence.phase === 'running' && sequence.isDecoding) this.#grant(sequence, 1, draft);
    }
  }

  #budget(draft: Draft): StepBudget {
    const decodeCount = draft.grants.size;
    const roomTokens = this.#options.batchTokensMax - decodeCount;
    if (this.#options.mode === 'continuous') {
      return new TokenBudget({ tokens: this.#options.prefillTokensFixed, roomTokens });
    }
    const ms =
      decodeCount === 0
        ? this.#options.stepMsMax * idleStretch
        : this.#objectiveMs() - this.#predictor.predictMs(this.#batches(draft).work);
    return new TimeBudget({ predictor: this.#predictor, ms, roomTokens });
  }

  /** Running sequences whose prompt is not computed yet each get at least a token, so that no slot is left out of the batch. */
  #grantPrefills(draft: Draft, budget: StepBudget): void {
    let least = this.#options.chunkTokensMin;
    for (const sequence of [...this.#running]) {
      if (sequence.phase !== 'running' || draft.grants.has(sequence)) continue;
      const tokens = budget.grant({
        wanted: sequence.remaining,
        least,
        position: sequence.computed,
      });
      if (tokens > 0) this.#grant(sequence, tokens, draft);
      least = 1;
    }
  }

  #admit(draft: Draft, budget: StepBudget): void {
    let scanned = 0;
    for (const sequence of [...this.#waiting]) {
      if (scanned++ === admissionScanMax) return;
      const held = this.#ledger.findSource(sequence, undefined).length;
      if (draft.preempted.has(sequence) || this.#shouldWaitForPrefix(sequence, held)) continue;
      if (!this.#makeRoomInBounds(sequence, draft)) return;
      const pool = this.#poolFor(sequence, draft);
      if (pool === undefined) continue;
      const wanted = sequence.length - held;
      const useful = Math.min(wanted, this.#options.chunkTokensMin);
      const least = draft.grants.size === 0 ? useful : 0;
      const tokens = budget.grant({ wanted, least, position: held });
      if (tokens < useful) return;
      this.#start(sequence, pool, draft);
      this.#grant(sequence, Math.min(tokens, sequence.remaining), draft);
    }
  }

  #start(sequence: Sequence, pool: number, draft: Draft): void {
    this.#waiting.remove(sequence);
    draft.operations.push(...this.#ledger.place(sequence, pool, draft.nowMs));
    sequence.cachedTokens ??= sequence.computed;
    this.#running.push(sequence);
  }

  /** True while a running sequence is about to compute more of this prompt than anybody holds yet. */
  #shouldWaitForPrefix(sequence: Sequence, held: number): boolean {
    const leaders = this.#running.filter(
      (other) => other.remaining > 1 && this.#ledger.tenantsShare(sequence.tenant, other.tenant),
    );
    if (leaders.length === 0) return false;
    return leaders.some((leader) => {
      const common = commonLength(sequence.tokens, leader.tokens);
      return Math.min(common, sequence.length - 1) >= held + this.#options.shareTokensMin;
    });
  }

  /** When as many run as may, only a more urgent sequence gets in, in place of the least urgent youngest. */
  #makeRoomInBounds(sequence: Sequence, draft: Draft): boolean {
    if (this.#running.length < this.#sequencesBound) return true;
    const victim = this.#youngest((other) => other.priority > sequence.priority);
    if (victim === undefined) return false;
    this.#preempt(victim, draft);
    return true;
  }

  /** The smallest pool with a slot in which the sequence can be expected to end. */
  #poolFor(sequence: Sequence, draft: Draft): number | undefined {
    const expected = Math.min(
      sequence.tokensMax,
      sequence.length + this.#options.outputTokensExpected,
    );
    const fitting = this.#ledger.pools.filter((pool) => pool.shape.slotTokensMax >= expected);
    const withSlot = fitting.find(
      (pool) => pool.nextSlot() !== undefined && pool.hasRoomFor(sequence.length + 1),
    );
    const preferred = fitting[0];
    const isCrowded = withSlot !== preferred && preferred !== undefined;
    if (isCrowded) draft.starved.set(sequence, preferred.index);
    return withSlot?.index;
  }

  /** Plans `tokens` of a running sequence, and makes room for them by whatever it takes. */
  #grant(sequence: Sequence, tokens: number, draft: Draft): void {
    const outcome = this.#ledger.reserve(sequence, tokens, draft.operations);
    if (outcome === 'ready') {
      draft.grants.set(sequence, tokens);
    } else if (outcome === 'slot-full') {
      this.#outgrow(sequence, tokens, draft);
    } else {
      this.#reclaimFor(sequence, tokens, draft);
    }
  }

  /** Moves a sequence that has filled its slot to a larger pool, or lets it wait for one. */
  #outgrow(sequence: Sequence, tokens: number, draft: Draft): void {
    const needed = sequence.computed + tokens;
    const larger = this.#ledger.pools.filter((pool) => pool.shape.slotTokensMax >= needed);
    const target = larger.find((pool) => pool.nextSlot() !== undefined);
    if (target !== undefined) {
      draft.operations.push(...this.#ledger.carry(sequence, target.index));
      draft.grants.set(sequence, tokens);
    } else if (larger[0] !== undefined) {
      draft.starved.set(sequence, larger[0].index);
      this.#preempt(sequence, draft);
    } else {
      this.#giveUp(sequence, draft);
    }
  }

  /** Preempts the youngest until there are cells; the sequence itself when it is the youngest. */
  #reclaimFor(sequence: Sequence, tokens: number, draft: Draft): void {
    const victim = assertDefined(
      this.#youngest(() => true),
      'somebody runs',
    );
    if (victim === sequence) {
      if (this.#running.length === 1) this.#giveUp(sequence, draft);
      else this.#preempt(sequence, draft);
      return;
    }
    this.#preempt(victim, draft);
    this.#grant(sequence, tokens, draft);
  }

  /** The last placed of the least urgent among those that qualify. */
  #youngest(qualifies: (sequence: Sequence) => boolean): Sequence | undefined {
    let youngest: Sequence | undefined;
    for (const sequence of this.#running) {
      if (!qualifies(sequence)) continue;
      if (youngest === undefined || sequence.priority >= youngest.priority) youngest = sequence;
    }
    return youngest;
  }

  #preempt(sequence: Sequence, draft: Draft): void {
    assert(sequence.phase === 'running', 'only what runs is preempted');
    this.#running = this.#running.filter((other) => other !== sequence);
    draft.grants.delete(sequence);
    draft.operations.push(...this.#ledger.release(sequence, draft.nowMs));
    draft.preempted.add(sequence);
    sequence.preemptionCount++;
    this.#preemptionCount++;
    sequence.phase = 'waiting';
    this.#waiting.add(sequence);
  }

  #giveUp(sequence: Sequence, draft: Draft): void {
    this.#end(sequence, draft.nowMs, draft.operations);
    draft.outgrown.push(sequence);
  }

  #batches(draft: Draft): ReturnType<typeof planBatches> {
    return planBatches({
      ledger: this.#ledger,
      grants: draft.grants,
      operations: draft.operations,
      microBatchTokensMax: this.#options.microBatchTokensMax,
    });
  }

  #finishPlan(draft: Draft): StepPlan {
    const { batches, work } = this.#batches(draft);
    return {
      operations: draft.operations,
      batches,
      expired: draft.expired,
      outgrown: draft.outgrown,
      starved: draft.starved,
      work,
      predictedMs: batches.length === 0 ? 0 : this.#predictor.predictMs(work),
    };
  }
}

function commonLength(one: Int32Array, other: Int32Array): number {
  const bound = Math.min(one.length, other.length);
  let length = 0;
  while (length < bound && one[length] === other[length]) length++;
  return length;
}
