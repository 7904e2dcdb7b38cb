import type { Context } from '@millrace/llama';
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
  readonly #stages: number[];
  readonly #ready: GrownPool[] = [];
  #failure: unknown;

  constructor(plans: readonly PoolPlan[], createContext: (shape: PoolShape) => Promise<Context>) {
    this.#plans = plans;
    this.#createContext = createContext;
    this.#stages = plans.map(() => 0);
  }

  /** True while a context is being created. */
  get isGrowing(): boolean {
    return this.#growing.size > 0;
  }

  /** Starts to grow the pools, each to its next size, unless it has its last or is growing. Calls `onReady` when done. */
  request(pools: readonly number[], onReady: () => void): void {
    for (const pool of pools) {
      const plan = assertDefined(this.#plans[pool], 'a pool has a plan');
      const slotCount = plan.growth[this.#stages[pool] ?? 0];
      if (slotCount === undefined || this.#growing.has(pool)) continue;
      this.#growing.add(pool);
      void this.#grow(pool, { ...plan.initial, slotCount }).finally(onReady);
    }
  }

  /** The contexts that have become ready since the last call. Throws when one could not be created. */
  take(): readonly GrownPool[] {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ready.splice(0);
  }

  async #grow(pool: number, shape: PoolShape): Promise<void> {
    try {
      const cellCount = shape.slotCount * shape.slotTokensMax;
      const context = await this.#createContext({ ...shape, cellCount });
      this.#stages[pool] = (this.#stages[pool] ?? 0) + 1;
      this.#ready.push({ pool, slotCount: shape.slotCount, context });
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#growing.delete(pool);
    }
  }
}
