import { apiError, errorEvent, StreamWatcher } from '@millrace/openai';
import type { AnswerMessage } from '../backends/backend.ts';
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';
import { isEventStream } from '../messages/event-stream.ts';
import { Deadline, type DeadlineQueue } from '../net/deadlines.ts';
import type { Cancellation } from '../messages/cancellation.ts';
import type { Admission, Exchange, Resumable } from './exchange.ts';
import { pathOf } from './own-route.ts';

/** How a relayed answer ended. */
export type RelayEnd =
  | 'whole'
  | 'client-gone'
  | 'client-stalled'
  | 'backend-died'
  | 'backend-stalled'
  /** It came whole, but without the events by which a stream of answers ends. */
  | 'backend-unfinished'
  | 'deadline';

/** What all relays have in common. */
export interface RelayHost {
  /** Longest pause between two pieces, and longest that a client takes nothing. */
  readonly pieces: DeadlineQueue;
  noteRelayed(relay: Relay, end: RelayEnd): void;
}

/** Of a line whose end has not come so much is withheld; a longer one goes on as it comes. */
const withheldBytesMax = 256 * 1024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/**
 * Passes an answer on as it comes, byte for byte, no faster than the client reads. When the backend dies, a stream of
 * events ends with an event that says so; anything else is cut, so that no part can be taken for the whole. Of events
 * only whole lines are passed on, lest what says that the stream has failed be read as the end of half an event.
 */
export class Relay implements BodySink, Resumable {
  /** Of the request; the rest of it need not be kept for as long as its answer lasts. */
  readonly admission: Admission;
  readonly #target: string;
  readonly #cancellation: Cancellation;
  readonly status: number;
  readonly #body: BodySource;
  readonly #failureEvent: AnswerMessage['failureEvent'];
  /** Sees the events, where the answer is a stream of them. */
  readonly watcher: StreamWatcher | undefined;
  readonly #host: RelayHost;
  readonly #sink: BodySink;
  #deadline: Deadline | undefined;
  /** It is read here, not by whoever passes it on. */
  readonly #isRead: boolean;
  #withheld = nothing;
  /** Whether what was passed on ends behind an event. */
  #isBetweenEvents = true;
  #isPaused = false;
  #isOver = false;

  constructor(exchange: Exchange, message: AnswerMessage, host: RelayHost) {
    const { admission, target, cancellation, responder } = exchange;
    this.admission = admission;
    this.#target = target;
    this.#cancellation = cancellation;
    this.#host = host;
    const { status, headers, body } = message;
    this.status = status;
    this.#body = body;
    this.#failureEvent = message.failureEvent;
    const { requestId } = admission;
    // The request is called here what the client called it, whatever the engine calls it.
    const kept = headers.has('x-request-id') ? headers.without(['x-request-id']) : headers;
    const { byteLength } = body;
    this.watcher = message.events ?? (isEventStream(headers) ? new StreamWatcher() : undefined);
    this.#isRead = this.watcher !== undefined && message.events === undefined;
    this.#sink = responder.begin({ status, headers: kept, requestId, byteLength }, this);
  }

  start(): void {
    this.#body.pipeTo(this);
  }

  write(piece: Buffer): void {
    if (this.#isOver) return;
    if (this.watcher === undefined) return this.#sink.write(piece);
    if (this.#isRead) this.watcher.push(piece);
    // By an index: `at` is a call.
    if (piece[piece.length - 1] === lineFeed && this.#withheld.length === 0) this.#pass(piece);
    else this.#writeLines(piece);
  }

  #pass(lines: Buffer): void {
    const { length } = lines;
    this.#isBetweenEvents = lines[length - 1] === lineFeed && lines[length - 2] === lineFeed;
    this.#sink.write(lines);
  }

  #writeLines(piece: Buffer): void {
    const bytes = this.#withheld.length === 0 ? piece : Buffer.concat([this.#withheld, piece]);
    const end = Math.max(bytes.lastIndexOf(lineFeed), bytes.lastIndexOf(carriageReturn)) + 1;
    const lines = bytes.length - end > withheldBytesMax ? bytes.length : end;
    if (lines > 0) this.#pass(bytes.subarray(0, lines));
    this.#withheld = lines === bytes.length ? nothing : Buffer.from(bytes.subarray(lines));
  }

  flush(): boolean {
    if (this.#isOver) return true;
    this.#isPaused = !this.#sink.flush();
    this.#putOff();
    return !this.#isPaused;
  }

  end(end: BodyEnd): void {
    if (end === 'whole') this.#finish(this.#isUnfinished ? 'backend-unfinished' : 'whole');
    else if (end === 'died') this.#finish('backend-died');
    else if (end === 'stalled') this.#finish('backend-stalled');
    else this.#finish(this.#cancellation.reason === 'deadline' ? 'deadline' : 'client-gone');
  }

  resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    this.#putOff();
    this.#body.resume();
  }

  /** An answer that is whole at once needs no deadline. */
  #putOff(): void {
    this.#deadline ??= new Deadline(() => this.#noteLate());
    this.#host.pieces.putOff(this.#deadline);
  }

  #noteLate(): void {
    this.#finish(this.#isPaused ? 'client-stalled' : 'backend-stalled');
    this.#body.destroy();
  }

  #finish(end: RelayEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    if (end === 'whole') {
      if (this.#withheld.length > 0) this.#sink.write(this.#withheld);
      this.#sink.end('whole');
    } else this.#breakOff(end);
    this.#host.noteRelayed(this, end);
  }

  /** A stream of OpenAI's events that says neither why it ends, nor that it does, nor that it failed. */
  get #isUnfinished(): boolean {
    if (this.watcher === undefined || this.#failureEvent !== undefined) return false;
    if (this.status !== 200 || this.#body.byteLength !== undefined) return false;
    if (!finishedRoutes.has(pathOf(this.#target))) return false;
    const { isDone, finishReason, errorEvents } = this.watcher;
    return !isDone && finishReason === undefined && errorEvents === 0;
  }

  #breakOff(end: Exclude<RelayEnd, 'whole'>): void {
    const reason = reasons[end];
    const takesEvent = this.watcher !== undefined && this.#body.byteLength === undefined;
    if (reason === undefined || !takesEvent) return this.#sink.end('destroyed');
    const error = apiError('backend_failed', `The engine ${reason}.`);
    const event = (this.#failureEvent ?? errorEvent)(error);
    this.#sink.write(Buffer.from(this.#isBetweenEvents ? event : `\n${event}`));
    this.#sink.end('whole');
  }
}

const finishedRoutes: ReadonlySet<string> = new Set(['/v1/chat/completions', '/v1/completions']);

/** What a client is told that is still there. */
const reasons: Readonly<Partial<Record<RelayEnd, string>>> = {
  'backend-died': 'ended before its answer was whole',
  'backend-stalled': 'stopped sending',
  'backend-unfinished': 'ended its stream before the answer was finished',
  deadline: 'was stopped: the answer took longer than it may',
};
