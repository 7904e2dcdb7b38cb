import { type Clock, messageOf } from '@millrace/stdx';
import type { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { Scheduler, StepPlan } from '../scheduler/step-plan.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { ContextPools, EntryOutput } from './context-pools.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import type { Embedder } from './embedder.ts';
import type { LiveRequest } from './live-request.ts';
import type { PoolGrowth } from './pool-growth.ts';

/** The parts that the loop drives. */
export interface EngineLoopParts {
  readonly scheduler: Scheduler;
  readonly ledger: KvLedger;
  readonly pools: ContextPools;
  readonly growth: PoolGrowth;
  readonly embedder: Embedder;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Called when the last live request has ended. */
  readonly onIdle: () => void;
}

/** The static scheduler waits for its batch to fill; the loop looks again after this long. */
const idleLookMs = 20;

/**
 * The engine's one loop: schedule → run → settle. While libllama computes, on a thread of its own, the event loop is
 * free, and readers take the events of the step before.
 */
export class EngineLoop {
  readonly #parts: EngineLoopParts;
  readonly #requestOf = new Map<Sequence, LiveRequest>();
  readonly #cancelled = new Set<LiveRequest>();
  readonly #held: LiveRequest[] = [];
  #wake: (() => void) | undefined;
  #isStopping = false;

  constructor(parts: EngineLoopParts) {
    this.#parts = parts;
  }

  /** Requests that have not ended. */
  get liveCount(): number {
    return new Set(this.#requestOf.values()).size;
  }

  /** Takes a request in; it is considered at the next step. */
  enter(request: LiveRequest): void {
    for (const sequence of request.sequences) {
      this.#requestOf.set(sequence, request);
      this.#parts.scheduler.enqueue(sequence);
    }
    this.wake();
  }

  /** Ends a request at the next opportunity: between two steps. */
  cancel(request: LiveRequest): void {
    this.#cancelled.add(request);
    this.wake();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Lets the current step end, then returns from `run`. */
  stop(): void {
    this.#isStopping = true;
    this.wake();
  }

  /** Steps until it is stopped. A fault fails every request and is thrown on. */
  async run(): Promise<void> {
    try {
      while (!this.#isStopping) await this.#step();
    } catch (error) {
      this.#failAll(`the engine failed: ${messageOf(error)}`);
      throw error;
    }
    this.#failAll('the engine is shutting down');
  }

  async #step(): Promise<void> {
    const { scheduler, pools, embedder, growth, clock, metrics } = this.#parts;
    const startedAtMs = clock.nowMs();
    this.#dropCancelled(startedAtMs);
    for (const grown of growth.take()) await this.#replacePool(grown);
    const hadEmbeddings = await embedder.runOne();
    const plan = scheduler.plan(clock.nowMs());
    this.#endRefused(plan);
    metrics.preempted.inc(scheduler.view.preemptionCount - metrics.preempted.value);
    this.#growFor(plan);
    await pools.apply(plan.operations);
    if (plan.batches.length === 0) {
      this.#releaseHeld();
      if (this.#requestOf.size === 0) this.#parts.onIdle();
      if (!hadEmbeddings && this.#cancelled.size === 0) await this.#rest();
      return;
    }
    const computedFromMs = clock.nowMs();
    // The outputs of a batch stand in its own context, so they outlive the decodes of other pools.
    const outputs: EntryOutput[] = [];
    for (const batch of plan.batches) outputs.push(...(await pools.decode(batch)));
    const sampledFromMs = clock.nowMs();
    // A context that is being created competes for the cores: such a step says nothing about the next.
    scheduler.settle(plan, growth.isGrowing ? undefined : sampledFromMs - computedFromMs);
    const sampledMs = this.#settle(plan, outputs);
    if (scheduler.view.runningCount === 0) this.#releaseHeld();
    const endedAtMs = clock.nowMs();
    metrics.step.observe((endedAtMs - startedAtMs) / 1000);
    metrics.stepSeconds.inc((endedAtMs - startedAtMs) / 1000);
    const outsideMs = computedFromMs - startedAtMs + (endedAtMs - sampledFromMs) - sampledMs;
    metrics.overheadSeconds.inc(Math.max(0, outsideMs) / 1000);
  }

  /** Extends every answer that has logits; returns the milliseconds that choosing tokens took. */
  #settle(plan: StepPlan, outputs: readonly EntryOutput[]): number {
    const { clock, metrics } = this.#parts;
    const nowMs = clock.nowMs();
    let tokens = 0;
    for (const batch of plan.batches) {
      for (const { sequence, tokenCount } of batch.entries) {
        tokens += tokenCount;
        this.#requestOf.get(sequence)?.noteComputed(sequence, nowMs);
      }
    }
    metrics.stepTokens.observe(tokens);
    const sampledFromMs = clock.nowMs();
    const sampled = outputs.map((output) =>
      this.#requestOf.get(output.entry.sequence)?.sample(output),
    );
    const sampledMs = clock.nowMs() - sampledFromMs;
    for (const [index, output] of outputs.entries()) {
      const { sequence } = output.entry;
      const token = sampled[index];
      const request = this.#requestOf.get(sequence);
      if (request === undefined || token === undefined) continue;
      if (request.extend(token, output, nowMs)) this.#end(sequence, nowMs);
    }
    return sampledMs;
  }

  #end(sequence: Sequence, nowMs: number): void {
    const request = this.#requestOf.get(sequence);
    this.#requestOf.delete(sequence);
    this.#parts.scheduler.remove(sequence, nowMs);
    if (request === undefined || !request.isAnswered) return;
    request.finish(nowMs);
    if (this.#parts.scheduler.holdsOutput) this.#held.push(request);
  }

  #dropCancelled(nowMs: number): void {
    for (const request of this.#cancelled) this.#abandon(request, nowMs);
    for (const request of this.#cancelled) {
      if (!request.isOver) request.fail('cancelled', 'the request was cancelled');
    }
    this.#cancelled.clear();
  }

  #abandon(request: LiveRequest, nowMs: number): void {
    for (const sequence of request.sequences) {
      if (this.#requestOf.delete(sequence)) this.#parts.scheduler.remove(sequence, nowMs);
    }
  }

  #endRefused(plan: StepPlan): void {
    const nowMs = this.#parts.clock.nowMs();
    for (const sequence of plan.expired) {
      const request = this.#requestOf.get(sequence);
      if (request === undefined) continue;
      this.#requestOf.delete(sequence);
      this.#abandon(request, nowMs);
      request.fail('deadline', 'the deadline of the request has passed');
    }
    for (const sequence of plan.outgrown) {
      const request = this.#requestOf.get(sequence);
      this.#requestOf.delete(sequence);
      request?.cutShort(sequence);
      if (request?.isAnswered === true) request.finish(nowMs);
    }
  }

  /** Grows the pools that have no slot for somebody; fails who needs one that cannot be had. */
  #growFor(plan: StepPlan): void {
    const { growth, ledger, clock } = this.#parts;
    for (const pool of ledger.pools) {
      const starved = [...plan.starved].flatMap(([sequence, index]) =>
        index === pool.index ? [sequence] : [],
      );
      if (starved.length === 0) continue;
      growth.request(pool.index, pool.runningCount + starved.length, () => this.wake());
      if (pool.shape.slotCount > 0 || !growth.isExhausted(pool.index)) continue;
      for (const sequence of starved) {
        const request = this.#requestOf.get(sequence);
        if (request === undefined) continue;
        this.#abandon(request, clock.nowMs());
        const { slotTokensMax } = pool.shape;
        request.fail('engine', `there is no memory for a context of ${slotTokensMax} tokens`);
      }
    }
  }

  async #replacePool(grown: Awaited<ReturnType<PoolGrowth['take']>>[number]): Promise<void> {
    const { ledger, pools } = this.#parts;
    const slots = ledger.pools[grown.pool];
    if (slots === undefined) return;
    await pools.replace(slots, grown.context);
    slots.grow(grown.slotCount);
  }

  /** Waits until somebody wakes the loop; a scheduler that collects a batch is looked at again soon. */
  async #rest(): Promise<void> {
    const { scheduler, clock } = this.#parts;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (scheduler.view.waitingCount > 0) clock.after(idleLookMs, () => this.wake());
      if (this.#isStopping) this.wake();
    });
  }

  #releaseHeld(): void {
    for (const request of this.#held.splice(0)) request.release();
  }

  #failAll(message: string): void {
    const nowMs = this.#parts.clock.nowMs();
    for (const request of new Set(this.#requestOf.values())) {
      this.#abandon(request, nowMs);
      if (!request.isOver) request.fail('engine', message);
    }
    this.#releaseHeld();
  }
}
