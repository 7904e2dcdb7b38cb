// Hot path: `send` once a request. Two objects a request beside the answer's own.
import { apiError, StreamWatcher } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import type { BackendAnswer, BackendRequest } from '../backends/backend.ts';
import type { BodySource } from '../messages/body.ts';
import { isEventStream } from '../messages/event-stream.ts';
import type { Resilience } from '../resilience/resilience.ts';
import { isFailureStatus } from '../resilience/retry-policy.ts';
import { TimedBody } from '../resilience/timed-body.ts';
import { WatchedBody } from '../resilience/watched-body.ts';
import type { Dispatch } from './dispatch.ts';
import type { Endpoint } from './endpoint.ts';
import { noneServing } from './look-at-endpoint.ts';
import { TryWatch, type TryStep } from './try-watch.ts';

/** What trying endpoints needs. */
export interface EndpointTriesParts {
  /** The policies in force: a new configuration brings others. */
  readonly resilience: () => Resilience;
  readonly clock: Clock;
}

type Answered = Extract<BackendAnswer, { readonly kind: 'answered' }>;

/** Sends requests to the endpoints that were chosen, and notes all that this shows about them. */
export class EndpointTries {
  readonly #parts: EndpointTriesParts;

  constructor(parts: EndpointTriesParts) {
    this.#parts = parts;
  }

  /** Sends a request to one endpoint. Whatever comes of it, the dispatch is disposed of in the end. */
  async send(dispatch: Dispatch, request: BackendRequest): Promise<BackendAnswer> {
    const { clock } = this.#parts;
    const resilience = this.#parts.resilience();
    const { endpoint } = dispatch;
    const leave = resilience.circuits.begin(endpoint.index);
    if (leave === 'refused') {
      dispatch.noteLost();
      this.#release(dispatch);
      return { kind: 'failed', error: noneServing([endpoint]) };
    }
    const startedAtMs = clock.nowMs();
    const answer = await this.#sendInTime(dispatch, request);
    if (answer.kind === 'answered')
      return this.#noteAnswer(answer, { dispatch, leave, startedAtMs });
    resilience.circuits.end(
      endpoint.index,
      leave,
      answer.kind === 'failed' ? 'failure' : 'unknown',
    );
    dispatch.noteLost();
    this.#release(dispatch);
    if (answer.kind === 'failed') endpoint.health.noteUnanswered(answer.error.message);
    return answer;
  }

  #sendInTime({ endpoint }: Dispatch, request: BackendRequest): Promise<BackendAnswer> {
    const { totalMsMax } = endpoint.options.limits ?? {};
    return totalMsMax === undefined
      ? endpoint.answering.send(request)
      : this.#sendWithin(totalMsMax, endpoint, request);
  }

  /** Where the endpoint has a bound on the whole answer, it is cancelled by then. */
  async #sendWithin(
    totalMsMax: number,
    { answering }: Endpoint,
    request: BackendRequest,
  ): Promise<BackendAnswer> {
    const cancellation = request.cancellation.fork();
    const timer = this.#parts.clock.after(totalMsMax, () => cancellation.cancel('deadline'));
    const answer = await answering.send({ ...request, cancellation });
    timer.cancel();
    if (answer.kind !== 'abandoned' || cancellation.reason !== 'deadline') return answer;
    const message = `The engine did not answer within ${totalMsMax} ms.`;
    return { kind: 'failed', error: apiError('deadline_exceeded', message) };
  }

  #noteAnswer({ message }: Answered, step: TryStep): BackendAnswer {
    const { dispatch, leave } = step;
    const { endpoint } = dispatch;
    const { status, body, headers } = message;
    const { clock } = this.#parts;
    const resilience = this.#parts.resilience();
    endpoint.health.noteAnswered();
    if (status >= 300) {
      const isTurnedAway = status === 429 || status === 503;
      const outcome = isFailureStatus(status) ? 'failure' : isTurnedAway ? 'unknown' : 'success';
      resilience.circuits.end(endpoint.index, leave, outcome);
      dispatch.noteLost();
      body.whenOver(() => this.#release(dispatch));
      return { kind: 'answered', message };
    }
    const events = isEventStream(headers) ? new StreamWatcher() : undefined;
    const { byteLength } = body;
    const release = this.#release;
    const watch = new TryWatch(step, { clock, resilience, release, events, byteLength });
    const watched = new WatchedBody(this.#timed(body, step), watch);
    return { kind: 'answered', message: { ...message, body: watched, events } };
  }

  #timed(body: BodySource, { dispatch, startedAtMs }: TryStep): BodySource {
    const { clock } = this.#parts;
    const { pieceMsMax, totalMsMax } = dispatch.endpoint.options.limits ?? {};
    if (pieceMsMax === undefined && totalMsMax === undefined) return body;
    const leftMs =
      totalMsMax === undefined
        ? undefined
        : Math.max(0, totalMsMax - (clock.nowMs() - startedAtMs));
    return new TimedBody(body, clock, { pieceMsMax, leftMs });
  }

  /** The endpoint has room for another request. */
  readonly #release = (dispatch: Dispatch): void => {
    dispatch[Symbol.dispose]();
    this.#parts.resilience().line.wake(1);
  };
}
