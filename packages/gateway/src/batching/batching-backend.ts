import { apiError, type ApiError } from '@millrace/openai';
import { type Clock, messageOf, type Timer } from '@millrace/stdx';
import {
  type AnswerMessage,
  answerTo,
  type Backend,
  type BackendAnswer,
  type BackendRequest,
  type TakeAnswer,
} from '../backends/backend.ts';
import { BytesBody, readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import type { BatchMetrics } from './batch-metrics.ts';
import { type Batch, type BatchBounds, type BatchMember, BatchPlanner } from './batch-planner.ts';
import {
  mergeableRequest,
  type MergeableRequest,
  type MergeableRoute,
  mergeableRouteOf,
  mergedBody,
} from './mergeable-request.ts';
import { splitAnswer } from './split-answer.ts';

/** Which requests are merged, and how many. */
export interface BatchingOptions extends BatchBounds {
  readonly routes: readonly MergeableRoute[];
  /** Models whose requests are merged; absent: all. */
  readonly models?: readonly string[] | undefined;
}

/** What merging requests needs. */
export interface BatchingBackendOptions {
  readonly batching: BatchingOptions;
  readonly clock: Clock;
  /** Largest answer to a merged request. */
  readonly answerBytesMax: number;
  /** Absent: nothing is counted. */
  readonly metrics?: BatchMetrics | undefined;
}

interface Member extends BatchMember {
  readonly request: BackendRequest;
  readonly mergeable: MergeableRequest;
  /** Answers it, once; what comes later has no effect. */
  readonly settle: TakeAnswer;
  readonly arrivedAtMs: number;
  isOver: boolean;
}

/** Statuses by which an engine refuses a request for what is in it; one member's fault is not the others'. */
const refusals: ReadonlySet<number> = new Set([400, 413, 422]);

/** Merges embedding and completion requests that come close together into one request to the backend. */
export class BatchingBackend implements Backend {
  readonly #inner: Backend;
  readonly #options: BatchingBackendOptions;
  readonly #planner: BatchPlanner<Member>;
  #timer: Timer | undefined;
  /** Of those that wait, how many have been counted. */
  #countedWaiting = 0;

  constructor(inner: Backend, options: BatchingBackendOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#planner = new BatchPlanner(options.batching);
  }

  get unavailable(): ApiError | undefined {
    return this.#inner.unavailable;
  }

  send(request: BackendRequest, take: TakeAnswer): void {
    const mergeable = this.#mergeable(request);
    if (mergeable === undefined) return this.#inner.send(request, take);
    if (request.cancellation.reason !== undefined) return take({ kind: 'abandoned' });
    const leave = (): void => {
      this.#planner.remove(member);
      this.#watch();
      member.settle({ kind: 'abandoned' });
    };
    const member: Member = {
      key: keyOf(request, mergeable),
      inputCount: mergeable.inputs.length,
      byteCount: request.body.length,
      request,
      mergeable,
      arrivedAtMs: this.#options.clock.nowMs(),
      isOver: false,
      settle: (answer) => {
        if (member.isOver) return;
        member.isOver = true;
        request.cancellation.unsubscribe(leave);
        take(answer);
      },
    };
    request.cancellation.subscribe(leave);
    this.#sendAll(this.#planner.add(member, member.arrivedAtMs));
    this.#watch();
  }

  #mergeable(request: BackendRequest): MergeableRequest | undefined {
    const { routes, models } = this.#options.batching;
    const route = mergeableRouteOf(request.method, request.target);
    if (route === undefined || !routes.includes(route)) return undefined;
    const mergeable = mergeableRequest(route, request.body);
    if (mergeable === undefined) return undefined;
    const { model } = mergeable.rest;
    return models === undefined || (typeof model === 'string' && models.includes(model))
      ? mergeable
      : undefined;
  }

  /** Sets the timer for what is due next. */
  #watch(): void {
    const { waitingCount } = this.#planner;
    this.#options.metrics?.noteWaiting(waitingCount - this.#countedWaiting);
    this.#countedWaiting = waitingCount;
    this.#timer?.cancel();
    this.#timer = undefined;
    const { nextDueAtMs } = this.#planner;
    if (nextDueAtMs === undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.after(Math.max(0, nextDueAtMs - clock.nowMs()), () => {
      this.#sendAll(this.#planner.due(clock.nowMs()));
      this.#watch();
    });
  }

  #sendAll(batches: readonly Batch<Member>[]): void {
    for (const batch of batches) {
      this.#count(batch);
      if (batch.length === 1) for (const member of batch) void this.#sendAlone(member);
      else void this.#sendMerged(batch);
    }
  }

  #count(batch: Batch<Member>): void {
    const { metrics, clock } = this.#options;
    if (metrics === undefined) return;
    const nowMs = clock.nowMs();
    for (const { arrivedAtMs } of batch) metrics.noteWaited(nowMs - arrivedAtMs);
    if (batch.length === 1) return metrics.noteAlone();
    const inputs = batch.reduce((sum, { inputCount }) => sum + inputCount, 0);
    metrics.noteMerged(batch.length, inputs);
  }

  async #sendAlone(member: Member): Promise<void> {
    member.settle(await this.#ask(member.request));
  }

  async #sendMerged(batch: Batch<Member>): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    const answer = await this.#ask({
      ...first.request,
      headers: first.request.headers.without(['accept-encoding']),
      body: mergedBody(batch.map(({ mergeable }) => mergeable)),
      cancellation: cancellationOf(batch),
    });
    if (answer.kind !== 'answered') return settleAll(batch, answer);
    const { message } = answer;
    const read = await readBody(message.body, this.#options.answerBytesMax);
    if (read.kind !== 'whole') {
      const why = read.kind === 'too-large' ? 'is too large' : 'ended before it was whole';
      return settleAll(batch, failed(`The answer to ${batch.length} merged requests ${why}.`));
    }
    if (refusals.has(message.status)) {
      const wanted = batch.filter(({ isOver }) => !isOver);
      this.#options.metrics?.noteApart(wanted.length);
      for (const member of wanted) void this.#sendAlone(member);
      return;
    }
    this.#settleParts(batch, message, read.bytes);
  }

  #settleParts(batch: Batch<Member>, message: AnswerMessage, bytes: Buffer): void {
    const { status, headers } = message;
    const isSplit = status >= 200 && status < 300;
    const requests = batch.map(({ mergeable }) => mergeable);
    const parts = isSplit ? splitAnswer(bytes, requests) : batch.map(() => bytes);
    if (parts === undefined) {
      const reason = `The engine did not answer each of ${batch.length} merged requests.`;
      return settleAll(batch, failed(reason));
    }
    for (const [index, member] of batch.entries()) {
      const body = new BytesBody(parts[index] ?? bytes);
      member.settle({ kind: 'answered', message: { status, headers, body } });
    }
  }

  /** A fault of ours must not leave the others of a batch without an answer. */
  async #ask(request: BackendRequest): Promise<BackendAnswer> {
    try {
      return await answerTo(this.#inner, request);
    } catch (error) {
      return failed(`The request could not be sent: ${messageOf(error)}.`);
    }
  }
}

/** Requests of one tenant, with one key, that ask for the same. */
function keyOf({ headers }: BackendRequest, { key }: MergeableRequest): string {
  const names = ['authorization', 'x-api-key', 'x-millrace-tenant'];
  return JSON.stringify([key, ...names.map((name) => headers.get(name) ?? null)]);
}

/** Cancelled when nobody wants any of the answers. */
function cancellationOf(batch: Batch<Member>): Cancellation {
  const cancellation = new Cancellation();
  let wantedCount = batch.length;
  for (const { request } of batch) {
    request.cancellation.subscribe(() => {
      wantedCount--;
      if (wantedCount === 0) cancellation.cancel(request.cancellation.reason ?? 'superseded');
    });
  }
  return cancellation;
}

function settleAll(batch: Batch<Member>, answer: BackendAnswer): void {
  for (const member of batch) member.settle(answer);
}

function failed(message: string): BackendAnswer {
  return { kind: 'failed', error: apiError('backend_failed', message) };
}
