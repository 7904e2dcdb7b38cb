import { type ApiError, doneEvent, errorEvent } from '@millrace/openai';
import type { Exchange } from './exchange.ts';

/** A stream of events whose status is decided by the first: until then a failure still is a status. */
export class EventStream {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  write(events: string): Promise<void> | undefined {
    if (events === '') return undefined;
    if (!this.#exchange.hasBegun) this.#exchange.beginEvents();
    return this.#exchange.write(events);
  }

  fail(error: ApiError): void {
    if (!this.#exchange.hasBegun) return this.#exchange.sendError(error);
    void this.#exchange.write(errorEvent(error));
    this.#exchange.end();
  }

  finish(): void {
    void this.#exchange.write(doneEvent);
    this.#exchange.end();
  }
}
