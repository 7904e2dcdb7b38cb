// Hot path: once a request, and once a piece of every answer. Three objects a request beside the answer's own.
import { apiError, StreamWatcher } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import {
  type AnswerMessage,
  answerTo,
  type BackendAnswer,
  type BackendRequest,
  type TakeAnswer,
  takeLater,
  takenAlready,
} from '../backends/backend.ts';
import type { BodyEnd, BodySource } from '../messages/body.ts';
import { isEventStream } from '../messages/event-stream.ts';
import type { Leave } from '../resilience/circuit-table.ts';
import type { Resilience } from '../resilience/resilience.ts';
import { isFailureStatus } from '../resilience/retry-policy.ts';
import { TimedBody } from '../resilience/timed-body.ts';
import { AnswerUsage, type ToldUsage } from '../resilience/told-usage.ts';
import { type BodyWatcher, WatchedBody } from '../resilience/watched-body.ts';
import type { Dispatch } from './dispatch.ts';
import { noneServing } from './look-at-endpoint.ts';

/** What trying endpoints needs. */
export interface EndpointTryParts {
  /** The policies in force: a new configuration brings others. */
  readonly resilience: () => Resilience;
  readonly clock: Clock;
}

/**
 * A request at the endpoint that was chosen for it: all that this shows about the endpoint is noted, and the dispatch is
 * disposed of in the end, whatever comes of it.
 */
export class EndpointTry implements BodyWatcher {
  readonly #parts: EndpointTryParts;
  readonly #dispatch: Dispatch;
  #take: TakeAnswer;
  readonly #resilience: Resilience;
  readonly #startedAtMs: number;
  #leave: Leave = 'refused';
  /** Reads the answer as it passes. */
  #reader: StreamWatcher | AnswerUsage | undefined;
  #isShown = false;

  constructor(parts: EndpointTryParts, dispatch: Dispatch, take: TakeAnswer) {
    this.#parts = parts;
    this.#dispatch = dispatch;
    this.#take = take;
    this.#resilience = parts.resilience();
    this.#startedAtMs = parts.clock.nowMs();
  }

  send(request: BackendRequest): void {
    const { endpoint } = this.#dispatch;
    this.#leave = this.#resilience.circuits.begin(endpoint.index);
    if (this.#leave === 'refused') {
      this.#dispatch.noteLost();
      this.#release();
      return this.#take({ kind: 'failed', error: noneServing([endpoint]) });
    }
    const { totalMsMax } = endpoint.options.limits ?? {};
    const take: TakeAnswer = (answer) => this.#noteAnswer(answer);
    if (totalMsMax === undefined) endpoint.answering.send(request, take);
    else takeLater(this.#sendWithin(totalMsMax, request), take);
  }

  onFirst(): void {
    const { index } = this.#dispatch.endpoint;
    this.#isShown = true;
    this.#dispatch.noteAnswered();
    if (this.#reader instanceof StreamWatcher)
      this.#resilience.noteFirstPiece(index, this.#tookMs());
    this.#endLeave('success');
  }

  onPiece(piece: Buffer): void {
    this.#reader?.push(piece);
  }

  onOver(end: BodyEnd): void {
    this.#noteShown(end);
    if (end === 'whole') {
      const usage = this.#usage();
      if (usage !== undefined) this.#dispatch.noteUsage(usage);
      this.#dispatch.noteWhole(this.#tookMs(), usage);
    }
    this.#release();
  }

  /** Where the endpoint has a bound on the whole answer, it is cancelled by then. */
  async #sendWithin(totalMsMax: number, request: BackendRequest): Promise<BackendAnswer> {
    const { answering } = this.#dispatch.endpoint;
    const cancellation = request.cancellation.fork();
    const timer = this.#parts.clock.after(totalMsMax, () => cancellation.cancel('deadline'));
    const answer = await answerTo(answering, { ...request, cancellation });
    timer.cancel();
    if (answer.kind !== 'abandoned' || cancellation.reason !== 'deadline') return answer;
    const message = `The engine did not answer within ${totalMsMax} ms.`;
    return { kind: 'failed', error: apiError('deadline_exceeded', message) };
  }

  #noteAnswer(answer: BackendAnswer): void {
    if (answer.kind === 'answered') return this.#noteMessage(answer.message);
    this.#endLeave(answer.kind === 'failed' ? 'failure' : 'unknown');
    this.#dispatch.noteLost();
    this.#release();
    if (answer.kind === 'failed')
      this.#dispatch.endpoint.health.noteUnanswered(answer.error.message);
    this.#take(answer);
  }

  #noteMessage(message: AnswerMessage): void {
    const { status, headers, body } = message;
    this.#dispatch.endpoint.health.noteAnswered();
    if (status >= 300) {
      const isTurnedAway = status === 429 || status === 503;
      this.#endLeave(isFailureStatus(status) ? 'failure' : isTurnedAway ? 'unknown' : 'success');
      this.#dispatch.noteLost();
      body.whenOver(() => this.#release());
      return this.#take({ kind: 'answered', message });
    }
    const events = isEventStream(headers) ? new StreamWatcher() : undefined;
    this.#reader = events ?? new AnswerUsage(body.byteLength);
    const watched = new WatchedBody(this.#timed(body), this);
    const { failureEvent } = message;
    const take = this.#take;
    // Through it the whole request would be kept for as long as its answer lasts.
    this.#take = takenAlready;
    take({ kind: 'answered', message: { status, headers, body: watched, events, failureEvent } });
    watched.awaitTaker();
  }

  #timed(body: BodySource): BodySource {
    const { clock } = this.#parts;
    const { pieceMsMax, totalMsMax } = this.#dispatch.endpoint.options.limits ?? {};
    if (pieceMsMax === undefined && totalMsMax === undefined) return body;
    const leftMs = totalMsMax === undefined ? undefined : Math.max(0, totalMsMax - this.#tookMs());
    return new TimedBody(body, clock, { pieceMsMax, leftMs });
  }

  #noteShown(end: BodyEnd): void {
    if (end === 'died' || end === 'stalled') {
      if (this.#isShown) this.#leave = 'open-way';
      return this.#endLeave('failure');
    }
    if (this.#isShown) return;
    if (end === 'whole') this.#dispatch.noteAnswered();
    this.#endLeave(end === 'whole' ? 'success' : 'unknown');
  }

  #endLeave(outcome: 'success' | 'failure' | 'unknown'): void {
    if (this.#leave === 'refused') return;
    this.#resilience.circuits.end(this.#dispatch.endpoint.index, this.#leave, outcome);
  }

  #usage(): ToldUsage | undefined {
    const reader = this.#reader;
    if (reader instanceof AnswerUsage) return reader.usage;
    const { promptTokens, completionTokens, cachedTokens } = reader?.usage ?? {};
    if (promptTokens === undefined) return undefined;
    return { promptTokens, outputTokens: completionTokens, cachedTokens };
  }

  #tookMs(): number {
    return this.#parts.clock.nowMs() - this.#startedAtMs;
  }

  /** The endpoint has room for another request. */
  #release(): void {
    this.#dispatch[Symbol.dispose]();
    this.#parts.resilience().line.wake(1);
  }
}
