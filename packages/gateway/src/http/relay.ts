import { apiError, errorEvent, StreamWatcher } from '@millrace/openai';
import type { AnswerMessage } from '../backends/backend.ts';
import type { BodyEnd, BodySink } from '../messages/body.ts';
import { Deadline, type DeadlineQueue } from '../net/deadlines.ts';
import type { Exchange } from './exchange.ts';

/** How a relayed answer ended. */
export type RelayEnd =
  | 'whole'
  | 'client-gone'
  | 'client-stalled'
  | 'backend-died'
  | 'backend-stalled'
  | 'deadline';

/** What relaying needs. */
export interface RelayParts {
  readonly exchange: Exchange;
  readonly message: AnswerMessage;
  /** Longest pause between two pieces, and longest that a client takes nothing. */
  readonly pieces: DeadlineQueue;
  /** `watcher` has seen the events, where the answer is a stream of them. */
  readonly onEnd: (end: RelayEnd, watcher: StreamWatcher | undefined) => void;
}

/**
 * Passes an answer on as it comes, byte for byte, no faster than the client reads. When the backend dies, a stream of
 * events ends with an event that says so; anything else is cut, so that no part can be taken for the whole.
 */
export class Relay implements BodySink {
  readonly #parts: RelayParts;
  readonly #sink: BodySink;
  readonly #deadline = new Deadline(() => this.#noteLate());
  readonly #watcher: StreamWatcher | undefined;
  /** It is read here, not by whoever passes it on. */
  readonly #isRead: boolean;
  #isPaused = false;
  #isOver = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    const { message, exchange } = parts;
    const { status, headers, body } = message;
    const { requestId } = exchange.admission;
    // The request is called here what the client called it, whatever the engine calls it.
    const kept = headers.has('x-request-id') ? headers.without(['x-request-id']) : headers;
    const { byteLength } = body;
    const isStream = (headers.get('content-type') ?? '').startsWith('text/event-stream');
    this.#watcher = message.events ?? (isStream ? new StreamWatcher() : undefined);
    this.#isRead = this.#watcher !== undefined && message.events === undefined;
    this.#sink = exchange.responder.begin({ status, headers: kept, requestId, byteLength }, () =>
      this.#resume(),
    );
  }

  start(): void {
    const { message, pieces } = this.#parts;
    pieces.set(this.#deadline);
    message.body.pipeTo(this);
  }

  write(piece: Buffer): void {
    if (this.#isOver) return;
    this.#sink.write(piece);
    if (this.#isRead) this.#watcher?.push(piece);
  }

  flush(): boolean {
    if (this.#isOver) return true;
    this.#isPaused = !this.#sink.flush();
    this.#parts.pieces.set(this.#deadline);
    return !this.#isPaused;
  }

  end(end: BodyEnd): void {
    if (end === 'whole') this.#finish('whole');
    else if (end === 'died') this.#finish('backend-died');
    else if (end === 'stalled') this.#finish('backend-stalled');
    else
      this.#finish(
        this.#parts.exchange.cancellation.reason === 'deadline' ? 'deadline' : 'client-gone',
      );
  }

  #resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    this.#parts.pieces.set(this.#deadline);
    this.#parts.message.body.resume();
  }

  #noteLate(): void {
    this.#finish(this.#isPaused ? 'client-stalled' : 'backend-stalled');
    this.#parts.message.body.destroy();
  }

  #finish(end: RelayEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline.cancel();
    if (end === 'whole') this.#sink.end('whole');
    else this.#breakOff(end);
    this.#parts.onEnd(end, this.#watcher);
  }

  #breakOff(end: Exclude<RelayEnd, 'whole'>): void {
    const { failureEvent } = this.#parts.message;
    const reason = reasons[end];
    if (reason === undefined || this.#watcher === undefined) return this.#sink.end('destroyed');
    const error = apiError('backend_failed', `The engine ${reason}.`);
    this.#sink.write(Buffer.from((failureEvent ?? errorEvent)(error)));
    this.#sink.end('whole');
  }
}

/** What a client is told that is still there. */
const reasons: Readonly<Partial<Record<RelayEnd, string>>> = {
  'backend-died': 'ended before its answer was whole',
  'backend-stalled': 'stopped sending',
  deadline: 'was stopped: the answer took longer than it may',
};
