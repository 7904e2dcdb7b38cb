import type { Clock, Timer } from '@millrace/stdx';
import type { LookBounds } from '../options.ts';
import type { Endpoint } from './endpoint.ts';
import { type CompletionCheck, completeOnce } from './complete-once.ts';
import { discover, readLoadOf } from './look-at-endpoint.ts';

/** What watching endpoints needs. */
export interface EndpointMonitorOptions extends LookBounds {
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
  /** Time between two looks at an endpoint. */
  readonly lookMs: number;
  /** Time between two looks at what an endpoint serves, while it answers. */
  readonly discoverMs: number;
  /** Asks each endpoint for one token now and then; absent: not. */
  readonly completions?: CompletionCheck;
  /** Called after each look. */
  readonly onLooked?: () => void;
  /** Called when an endpoint changes its state or loses a metric. */
  readonly onNews: (news: string) => void;
  /** Called when a look found that an endpoint is or serves something else than before. */
  readonly onLearned?: (endpoint: Endpoint) => void;
  /** Called when an endpoint has told the size of its cache for the first time, or another one. */
  readonly onCacheTold?: (endpoint: Endpoint, cacheTokens: number) => void;
}

/** Looks at every endpoint again and again: what it serves, its load, and whether it answers at all. */
export class EndpointMonitor implements Disposable {
  readonly #options: EndpointMonitorOptions;
  readonly #timers = new Map<Endpoint, Timer>();
  readonly #discoveredAtMs = new Map<Endpoint, number>();
  readonly #completedAtMs = new Map<Endpoint, number>();
  #isOver = false;

  constructor(options: EndpointMonitorOptions) {
    this.#options = options;
  }

  /** Looks at all once, then goes on by itself; resolves after the first look at each. */
  async start(): Promise<void> {
    await Promise.all(this.#options.endpoints.map((endpoint) => this.#lookAndGoOn(endpoint)));
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  async #lookAndGoOn(endpoint: Endpoint): Promise<void> {
    await this.#look(endpoint);
    if (this.#isOver) return;
    const { clock, lookMs } = this.#options;
    this.#timers.set(
      endpoint,
      clock.after(lookMs, () => void this.#lookAndGoOn(endpoint)),
    );
  }

  async #look(endpoint: Endpoint): Promise<void> {
    const { onNews } = this.#options;
    const { health, options } = endpoint;
    const stateBefore = health.state;
    const missingBefore = endpoint.missingMetrics.join();
    const problem = await this.#problemOf(endpoint);
    if (this.#isOver) return;
    this.#options.onLooked?.();
    if (problem === undefined) health.noteLookSucceeded();
    else health.noteUnanswered(problem);
    if (health.state !== stateBefore) {
      const why = health.reason === '' ? '' : `: ${health.reason}`;
      onNews(`endpoint ${options.name} is ${health.state}${why}`);
    }
    if (endpoint.missingMetrics.join() !== missingBefore && endpoint.missingMetrics.length > 0) {
      onNews(
        `endpoint ${options.name} (${endpoint.kind}) tells no ${endpoint.missingMetrics.join(', ')}; its load is known in part only`,
      );
    }
  }

  async #discover(endpoint: Endpoint): Promise<string | undefined> {
    const shown = (): string => JSON.stringify([endpoint.kind, endpoint.models]);
    const before = shown();
    const problem = await discover(endpoint, this.#options);
    if (!this.#isOver && shown() !== before) this.#options.onLearned?.(endpoint);
    return problem;
  }

  /** What is wrong with it: whether it answers, tells its load, and, where that is asked for, completes something. */
  async #problemOf(endpoint: Endpoint): Promise<string | undefined> {
    const { clock, discoverMs } = this.#options;
    const discoveredAtMs = this.#discoveredAtMs.get(endpoint) ?? Number.NEGATIVE_INFINITY;
    const isKnown = endpoint.health.state === 'serving';
    if (!isKnown || clock.nowMs() - discoveredAtMs >= discoverMs) {
      const problem = await this.#discover(endpoint);
      if (problem !== undefined) return problem;
      this.#discoveredAtMs.set(endpoint, clock.nowMs());
    }
    return (await this.#readLoad(endpoint)) ?? (await this.#complete(endpoint));
  }

  async #readLoad(endpoint: Endpoint): Promise<string | undefined> {
    const before = endpoint.cacheTokens;
    const problem = await readLoadOf(endpoint, this.#options);
    const { cacheTokens } = endpoint;
    if (!this.#isOver && cacheTokens !== undefined && cacheTokens !== before)
      this.#options.onCacheTold?.(endpoint, cacheTokens);
    return problem;
  }

  /** Where it is due, asks for one token; why that failed, if it did. */
  async #complete(endpoint: Endpoint): Promise<string | undefined> {
    const { completions, clock } = this.#options;
    if (completions === undefined) return undefined;
    const before = this.#completedAtMs.get(endpoint) ?? Number.NEGATIVE_INFINITY;
    if (clock.nowMs() - before < completions.everyMs) return undefined;
    this.#completedAtMs.set(endpoint, clock.nowMs());
    return await completeOnce(endpoint, completions);
  }
}
