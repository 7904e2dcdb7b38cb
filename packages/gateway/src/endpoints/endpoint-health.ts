import type { HealthBounds } from '../options.ts';

/** Whether an endpoint may be asked. */
export type EndpointState =
  /** Nothing is known yet. */
  | 'unknown'
  | 'serving'
  /** It answers with failures of its own; it rests for a while. */
  | 'ejected'
  /** It cannot be reached, or does not say what it serves. */
  | 'failing';

/** The state of one endpoint, by what looks and requests found: a circuit breaker whose probe is the next look. */
export class EndpointHealth {
  readonly #bounds: HealthBounds;
  #state: EndpointState = 'unknown';
  #reason = 'it has not been looked at yet';
  #failures = 0;
  #serverErrors = 0;
  #ejections = 0;
  #ejectedUntilMs = 0;

  constructor(bounds: HealthBounds) {
    this.#bounds = bounds;
  }

  get state(): EndpointState {
    return this.#state;
  }

  /** Why it is not asked; empty while it is. */
  get reason(): string {
    return this.#state === 'serving' ? '' : this.#reason;
  }

  /** A look found what it serves. An ejected endpoint is asked again when it has rested. */
  noteLookSucceeded(nowMs: number): void {
    this.#failures = 0;
    if (this.#state === 'ejected' && nowMs < this.#ejectedUntilMs) return;
    this.#state = 'serving';
  }

  /** A look or a request ended without an answer. */
  noteUnanswered(reason: string): void {
    this.#failures++;
    const isKnownGood = this.#state === 'serving';
    if (isKnownGood && this.#failures < this.#bounds.failuresMax) return;
    this.#state = 'failing';
    this.#reason = reason;
  }

  /** A request was answered with this status. */
  noteStatus(status: number, nowMs: number): void {
    this.#failures = 0;
    // 503 is how an engine says that it is full or drains: no failure of its own.
    const isServerError = status >= 500 && status !== 503;
    if (!isServerError) {
      this.#serverErrors = 0;
      this.#ejections = 0;
      return;
    }
    this.#serverErrors++;
    if (this.#state !== 'serving' || this.#serverErrors < this.#bounds.serverErrorsMax) return;
    const { ejectionMs, ejectionMsMax } = this.#bounds;
    const restMs = Math.min(ejectionMs * 2 ** this.#ejections, ejectionMsMax);
    this.#ejections++;
    this.#serverErrors = 0;
    this.#ejectedUntilMs = nowMs + restMs;
    this.#state = 'ejected';
    this.#reason = `${this.#bounds.serverErrorsMax} answers in a row failed, the last with status ${status}`;
  }
}
