import type { Clock, Prng } from '@millrace/stdx';
import { CircuitTable } from './circuit-table.ts';
import { hedgeAfterMs } from './hedge-policy.ts';
import { PaceTable, paceWords } from './pace-table.ts';
import { quantileBuckets, QuantileWindow } from './quantile-window.ts';
import { countedEvents, ResilienceCounts } from './resilience-counts.ts';
import { type ResiliencePolicy, resilienceDefaults } from './resilience-policy.ts';
import { type EndpointPace, slowEndpoints } from './slow-endpoints.ts';
import { SpendBudget } from './spend-budget.ts';
import { WaitingLine } from './waiting-line.ts';

/** What lanes share about failures, as plain data that threads can send each other. */
export interface ResilienceMemory {
  readonly circuits: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
}

// Words of `counts`: two budgets, the window of times to first tokens, what was counted, then the pace of each endpoint.
const retryAt = 0;
const hedgeAt = 2;
const ttftAt = 4;
const countsAt = ttftAt + quantileBuckets;
const pacesAt = countsAt + countedEvents.length;

/** Takes the memory. */
export function createResilienceMemory(clock: Clock, endpointsMax: number): ResilienceMemory {
  const parts = { clock, prng: noPrng, bounds: resilienceDefaults.circuit };
  const table = CircuitTable.create(parts, { endpointsMax, memory: 'shared' });
  return {
    circuits: table.buffer as SharedArrayBuffer,
    counts: new SharedArrayBuffer(4 * (pacesAt + endpointsMax * paceWords)),
  };
}

/** Nothing is known any more of the endpoint at a place: another takes it. */
export function forgetPlace(memory: ResilienceMemory, clock: Clock, endpoint: number): void {
  const parts = { clock, prng: noPrng, bounds: resilienceDefaults.circuit };
  CircuitTable.open(memory.circuits, parts).release(endpoint);
  const from = 4 * (pacesAt + endpoint * paceWords);
  new Int32Array(memory.counts, from, paceWords).fill(0);
}

/** Making a table opens no circuit, so that nothing is drawn. */
const noPrng: Prng = { next: () => 0, below: () => 0 };

/** The policies of one lane over what all lanes share. */
export class Resilience {
  readonly policy: ResiliencePolicy;
  readonly circuits: CircuitTable;
  readonly retryBudget: SpendBudget;
  readonly line: WaitingLine;
  readonly counts: ResilienceCounts;
  readonly #hedgeBudget: SpendBudget;
  readonly #ttft: QuantileWindow;
  readonly #paces: PaceTable;

  constructor(
    memory: ResilienceMemory,
    parts: { readonly clock: Clock; readonly prng: Prng; readonly policy: ResiliencePolicy },
  ) {
    const { clock, prng, policy } = parts;
    const words = (at: number, count: number): Int32Array =>
      new Int32Array(memory.counts, 4 * at, count);
    this.policy = policy;
    this.circuits = CircuitTable.open(memory.circuits, { clock, prng, bounds: policy.circuit });
    this.retryBudget = new SpendBudget(words(retryAt, 2), clock, policy.retryBudget);
    const hedging = { share: policy.hedge?.share ?? 0, perSecondMin: 0, savedMax: 10 };
    this.#hedgeBudget = new SpendBudget(words(hedgeAt, 2), clock, hedging);
    this.#ttft = new QuantileWindow(words(ttftAt, quantileBuckets));
    this.#paces = new PaceTable(words(pacesAt, this.circuits.endpointsMax * paceWords));
    this.line = new WaitingLine(clock, policy.queue);
    this.counts = new ResilienceCounts(words(countsAt, countedEvents.length));
  }

  /** A request has come: it pays for what failed ones may cost. */
  noteRequest(): void {
    this.retryBudget.earn();
    if (this.policy.hedge !== undefined) this.#hedgeBudget.earn();
  }

  /** The first piece of a stream has come. */
  noteFirstPiece(endpoint: number, tookMs: number): void {
    if (this.policy.hedge !== undefined) this.#ttft.note(tookMs);
    this.#paces.note(endpoint, tookMs);
  }

  /** When a streamed request is to be sent to a second endpoint; `undefined`: never. */
  hedgeAfterMs(promptTokens: number): number | undefined {
    const { hedge } = this.policy;
    if (hedge === undefined) return undefined;
    const quantileMs = this.#ttft.quantileMs(hedge.quantile, hedge.answersMin);
    return hedgeAfterMs({ promptTokens, quantileMs }, hedge);
  }

  /** Takes the cost of one hedge; false where there is not enough. */
  spendHedge(): boolean {
    return this.#hedgeBudget.spend();
  }

  /** Opens the circuits of endpoints that are much slower than their like; their indices. */
  ejectSlow(
    endpoints: readonly { readonly index: number; readonly group: string }[],
  ): readonly number[] {
    const { slowness } = this.policy;
    if (slowness === undefined) return [];
    const paces = endpoints.map(({ index, group }): EndpointPace => {
      return { endpoint: index, group, ...this.#paces.read(index) };
    });
    return slowEndpoints(paces, slowness).filter((endpoint) => {
      const isTripped = this.circuits.trip(endpoint);
      // It is judged anew by what it does after its rest.
      if (isTripped) this.#paces.reset(endpoint);
      return isTripped;
    });
  }
}
