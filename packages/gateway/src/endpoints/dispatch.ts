import {
  type EndpointTable,
  type LearnedFigures,
  type PrefixLedger,
  RequestCharge,
} from '@millrace/routing';
import type { ToldUsage } from '../resilience/told-usage.ts';
import type { Endpoint } from './endpoint.ts';
import { promptTokensPerBlock, type RoutedPrompt } from './prompt-facts.ts';

/** What dispatches write to. */
export interface DispatchBooks {
  readonly table: EndpointTable;
  readonly ledger: PrefixLedger;
  readonly learned: LearnedFigures;
}

/** What was decided of a request. */
export interface DispatchParts {
  readonly endpoint: Endpoint;
  /** What is kept of the request: its body may go while its answer comes. */
  readonly prompt: RoutedPrompt;
  /** Tokens that the endpoint is expected to have of the prompt, and not to have. */
  readonly cachedTokens: number;
  readonly uncachedTokens: number;
  /** Its class of workload, where engines differ. */
  readonly className: string | undefined;
}

/** An engine shares only whole blocks, and computes the last token in any case: so much less is no broken promise. */
const cachedSlack = 1.1;
/** Below that share of a prompt a promise says nothing. */
const promisedShareMin = 0.1;

/** A request on its way to an endpoint. */
export class Dispatch implements Disposable {
  readonly endpoint: Endpoint;
  readonly #books: DispatchBooks;
  readonly #parts: DispatchParts;
  readonly #charge: RequestCharge;
  #isOver = false;

  constructor(books: DispatchBooks, parts: DispatchParts) {
    const { endpoint, prompt, uncachedTokens } = parts;
    const { promptTokens, chain } = prompt;
    this.endpoint = endpoint;
    this.#books = books;
    this.#parts = parts;
    this.#charge = new RequestCharge(books.table, endpoint.index, { promptTokens, uncachedTokens });
    books.ledger.speculate(chain, endpoint.index);
    endpoint.activeCount++;
  }

  /** The answer has begun: the prompt is computed, and the endpoint has it. */
  noteAnswered(): void {
    const { ledger } = this.#books;
    const { prompt, cachedTokens } = this.#parts;
    const { chain } = prompt;
    this.#charge.markFirstToken();
    const cachedBlocks = Math.round(cachedTokens / promptTokensPerBlock);
    ledger.confirm(chain, this.endpoint.index, Math.min(cachedBlocks, chain.blockCount));
  }

  /** Holds the ledger's word against the engine's, by shares of the prompt: our tokens are only estimated. */
  noteUsage({ cachedTokens, promptTokens }: ToldUsage): void {
    const promised = this.#parts.cachedTokens / Math.max(1, this.#parts.prompt.promptTokens);
    if (cachedTokens === undefined || promised < promisedShareMin || promptTokens === 0) return;
    const cached = (cachedSlack * cachedTokens) / promptTokens;
    this.#books.table.observeCachedTokens(this.endpoint.index, { promised, cached });
  }

  /** The answer is whole. */
  noteWhole(tookMs: number, usage: ToldUsage | undefined): void {
    const { className, prompt } = this.#parts;
    if (className === undefined) return;
    const { kind, options } = this.endpoint;
    const outputTokens = usage?.outputTokens ?? prompt.outputTokensMax;
    const tokens = (usage?.promptTokens ?? prompt.promptTokens) + outputTokens;
    const cost = ((options.costPerMillionTokens ?? 0) * tokens) / 1e6;
    this.#books.learned.observe(kind, className, { latencyMs: tookMs, cost });
  }

  /** The endpoint did not take the request. */
  noteLost(): void {
    this.#books.ledger.remove(this.#parts.prompt.chain, this.endpoint.index, 0);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.endpoint.activeCount--;
    this.#charge[Symbol.dispose]();
  }
}
