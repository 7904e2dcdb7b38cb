import { type Context, LlamaError } from '@millrace/llama';
import { assertDefined } from '@millrace/stdx';
import type { PoolPlan } from '../kv-cache/pool-plan.ts';
import type { PoolShape } from '../kv-cache/slot-pool.ts';

/** A context that is ready to take a pool's place. */
export interface GrownPool {
  readonly pool: number;
  readonly slotCount: number;
  readonly context: Context;
}

/**
 * Creates larger contexts for pools that ran out of slots. A context is created off the event loop while the old one
 * goes on; the caller picks it up between two steps.
 */
export class PoolGrowth {
  readonly #plans: readonly PoolPlan[];
  readonly #createContext: (shape: PoolShape) => Promise<Context>;
  readonly #growing = new Set<number>();
  readonly #slotCounts: number[];
  readonly #ready: GrownPool[] = [];
  /** Pools that could not be made larger, most often for want of memory: they stay as they are. */
  readonly #exhausted = new Set<number>();

  constructor(plans: readonly PoolPlan[], createContext: (shape: PoolShape) => Promise<Context>) {
    this.#plans = plans;
    this.#createContext = createContext;
    this.#slotCounts = plans.map((plan) => plan.initial.slotCount);
  }

  /** True while a context is being created. */
  get isGrowing(): boolean {
    return this.#growing.size > 0;
  }

  /**
   * Starts to grow a pool to the first of its sizes that has `slotsNeeded`, or to its last; does nothing when it is
   * growing or has its last. Calls `onReady` when done.
   */
  request(pool: number, slotsNeeded: number, onReady: () => void): void {
    const plan = assertDefined(this.#plans[pool], 'a pool has a plan');
    const current = this.#slotCounts[pool] ?? 0;
    const larger = plan.growth.filter((count) => count > current);
    const slotCount = larger.find((count) => count >= slotsNeeded) ?? larger.at(-1);
    const isSettled = this.#growing.has(pool) || this.#exhausted.has(pool);
    if (slotCount === undefined || isSettled) return;
    this.#growing.add(pool);
    void this.#grow(pool, { ...plan.initial, slotCount }).finally(onReady);
  }

  /** The contexts that have become ready since the last call. */
  take(): readonly GrownPool[] {
    return this.#ready.splice(0);
  }

  /** True when the pool will never be larger than it is. */
  isExhausted(pool: number): boolean {
    return this.#exhausted.has(pool);
  }

  async #grow(pool: number, shape: PoolShape): Promise<void> {
    try {
      const cellCount = shape.slotCount * shape.slotTokensMax;
      const context = await this.#createContext({ ...shape, cellCount });
      this.#slotCounts[pool] = shape.slotCount;
      this.#ready.push({ pool, slotCount: shape.slotCount, context });
    } catch (error) {
      if (!(error instanceof LlamaError)) throw error;
      this.#exhausted.add(pool);
    } finally {
      this.#growing.delete(pool);
    }
  }
}
