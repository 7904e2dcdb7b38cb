// Hot path: `send` once a request. Two objects a request beside the answer's own.
import { apiError } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import type { BackendAnswer, BackendRequest } from '../backends/backend.ts';
import type { BodyEnd, BodySource } from '../messages/body.ts';
import type { Leave } from '../resilience/circuit-table.ts';
import type { Resilience } from '../resilience/resilience.ts';
import { isFailureStatus } from '../resilience/retry-policy.ts';
import { TimedBody } from '../resilience/timed-body.ts';
import { toldUsage } from '../resilience/told-usage.ts';
import { WatchedBody } from '../resilience/watched-body.ts';
import type { Dispatch } from './endpoint-router.ts';
import { noneServing } from './look-at-endpoint.ts';

/** What trying endpoints needs. */
export interface EndpointTriesParts {
  /** The policies in force: a new configuration brings others. */
  readonly resilience: () => Resilience;
  readonly clock: Clock;
}

type Given = Exclude<Leave, 'refused'>;

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
    const { authorization } = endpoint.options;
    const answer = await this.#sendInTime(dispatch, {
      ...request,
      headers:
        authorization === undefined ? request.headers : request.headers.with({ authorization }),
    });
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

  /** Where the endpoint has a bound on the whole answer, it is cancelled by then. */
  async #sendInTime({ endpoint }: Dispatch, request: BackendRequest): Promise<BackendAnswer> {
    const { totalMsMax } = endpoint.options.limits ?? {};
    if (totalMsMax === undefined) return await endpoint.answering.send(request);
    const cancellation = request.cancellation.fork();
    const timer = this.#parts.clock.after(totalMsMax, () => cancellation.cancel('deadline'));
    const answer = await endpoint.answering.send({ ...request, cancellation });
    timer.cancel();
    if (answer.kind !== 'abandoned' || cancellation.reason !== 'deadline') return answer;
    const message = `The engine did not answer within ${totalMsMax} ms.`;
    return { kind: 'failed', error: apiError('deadline_exceeded', message) };
  }

  #noteAnswer(
    answer: Extract<BackendAnswer, { readonly kind: 'answered' }>,
    step: { readonly dispatch: Dispatch; readonly leave: Given; readonly startedAtMs: number },
  ): BackendAnswer {
    const { dispatch, leave } = step;
    const { endpoint } = dispatch;
    const { status, body, headers } = answer.message;
    endpoint.health.noteAnswered();
    if (status >= 300) {
      const isTurnedAway = status === 429 || status === 503;
      const outcome = isFailureStatus(status) ? 'failure' : isTurnedAway ? 'unknown' : 'success';
      this.#parts.resilience().circuits.end(endpoint.index, leave, outcome);
      dispatch.noteLost();
      body.whenOver(() => this.#release(dispatch));
      return answer;
    }
    const isEvents = (headers.get('content-type') ?? '').startsWith('text/event-stream');
    const watched = this.#watch(this.#timed(body, step), { ...step, isEvents });
    return { kind: 'answered', message: { ...answer.message, body: watched } };
  }

  #timed(
    body: BodySource,
    step: { readonly dispatch: Dispatch; readonly startedAtMs: number },
  ): BodySource {
    const { clock } = this.#parts;
    const { pieceMsMax, totalMsMax } = step.dispatch.endpoint.options.limits ?? {};
    if (pieceMsMax === undefined && totalMsMax === undefined) return body;
    const leftMs =
      totalMsMax === undefined
        ? undefined
        : Math.max(0, totalMsMax - (clock.nowMs() - step.startedAtMs));
    return new TimedBody(body, clock, { pieceMsMax, leftMs });
  }

  #watch(
    body: BodySource,
    step: {
      readonly dispatch: Dispatch;
      readonly leave: Given;
      readonly startedAtMs: number;
      readonly isEvents: boolean;
    },
  ): BodySource {
    const { clock } = this.#parts;
    const resilience = this.#parts.resilience();
    const { dispatch, leave } = step;
    const { index } = dispatch.endpoint;
    let isShown = false;
    const onFirst = (): void => {
      isShown = true;
      dispatch.noteAnswered();
      if (step.isEvents) resilience.noteFirstPiece(index, clock.nowMs() - step.startedAtMs);
      resilience.circuits.end(index, leave, 'success');
    };
    const onOver = (end: BodyEnd, tail: Buffer): void => {
      const hasFailed = end === 'died' || end === 'stalled';
      if (!isShown && !hasFailed) {
        if (end === 'whole') dispatch.noteAnswered();
        resilience.circuits.end(index, leave, end === 'whole' ? 'success' : 'unknown');
      } else if (hasFailed) {
        resilience.circuits.end(index, isShown ? 'open-way' : leave, 'failure');
      }
      const usage = end === 'whole' ? toldUsage(tail) : undefined;
      if (usage !== undefined) dispatch.noteUsage(usage);
      if (end === 'whole') dispatch.noteWhole(clock.nowMs() - step.startedAtMs, usage);
      this.#release(dispatch);
    };
    return new WatchedBody(body, { onFirst, onOver });
  }

  /** The endpoint has room for another request. */
  #release(dispatch: Dispatch): void {
    dispatch[Symbol.dispose]();
    this.#parts.resilience().line.wake(1);
  }
}
