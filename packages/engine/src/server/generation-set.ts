import {
  type ApiError,
  contextLengthExceeded,
  deadlineExceeded,
  draining,
  engineFailed,
  type GenerationOptions,
  apiError,
  queueFull,
  sumUsage,
} from '@millrace/openai';
import { assertDefined } from '@millrace/stdx';
import type {
  Generation,
  GenerationEvent,
  GenerationRequest,
  RejectedSubmission,
  Usage,
} from '../request.ts';
import type { ServedEngine } from './served-engine.ts';

/** What happens to one of the answers of a request. */
export type AnswerEvent = Exclude<GenerationEvent, { kind: 'finished' } | { kind: 'failed' }>;

/** How the generations of a request ended. */
export type Ending =
  | { readonly kind: 'finished'; readonly usage: Usage }
  | { readonly kind: 'failed'; readonly error: ApiError };

/** The fields of a request that refusals of the engine are about. */
export interface FieldNames {
  readonly prompt: string;
  readonly grammar: string;
}

/** The generations that one HTTP request asks for; choices are counted over all of them. */
export class GenerationSet implements Disposable {
  readonly #generations: readonly Generation[];
  readonly #choiceCount: number;

  private constructor(generations: readonly Generation[], choiceCount: number) {
    this.#generations = generations;
    this.#choiceCount = choiceCount;
  }

  /** Submits all of the requests, or none. They are cancelled when `signal` is aborted. */
  static submit(
    engine: ServedEngine,
    requests: readonly GenerationRequest[],
    options: { readonly signal: AbortSignal; readonly fields: FieldNames },
  ): GenerationSet | ApiError {
    const generations: Generation[] = [];
    for (const request of requests) {
      const submission = engine.submit(request);
      if (submission.kind === 'rejected') {
        for (const generation of generations) generation.cancel();
        return errorOfRejection(submission, options.fields);
      }
      generations.push(submission.generation);
    }
    const choiceCount = requests[0]?.choiceCount ?? 1;
    const set = new GenerationSet(generations, choiceCount);
    const cancel = (): void => set[Symbol.dispose]();
    options.signal.addEventListener('abort', cancel, { once: true });
    if (options.signal.aborted) cancel();
    return set;
  }

  [Symbol.dispose](): void {
    for (const generation of this.#generations) generation.cancel();
  }

  /** Reads all generations side by side. The first failure cancels the others. */
  async read(
    onEvent: (event: AnswerEvent, choiceIndex: number) => Promise<void> | undefined,
  ): Promise<Ending> {
    const readers = this.#generations.map((generation, index) =>
      this.#readOne(generation, index * this.#choiceCount, onEvent),
    );
    const endings = await Promise.all(readers);
    const failed = endings.filter((ending) => ending.kind === 'failed');
    const cause = failed.find(({ reason }) => reason !== 'cancelled') ?? failed[0];
    if (cause !== undefined) return { kind: 'failed', error: errorOfFailure(cause) };
    const usages = endings.flatMap((ending) => (ending.kind === 'finished' ? [ending.usage] : []));
    return { kind: 'finished', usage: sumUsage(usages) };
  }

  async #readOne(
    generation: Generation,
    choiceBase: number,
    onEvent: (event: AnswerEvent, choiceIndex: number) => Promise<void> | undefined,
  ): Promise<LastEvent> {
    let last: LastEvent | undefined;
    for await (const event of generation) {
      if (event.kind === 'finished' || event.kind === 'failed') {
        last = event;
        continue;
      }
      const choiceIndex = choiceBase + (event.kind === 'started' ? 0 : event.choiceIndex);
      const waiting = onEvent(event, choiceIndex);
      if (waiting !== undefined) await waiting;
    }
    const ending = assertDefined(last, 'a generation ends in finished or failed');
    if (ending.kind === 'failed') this[Symbol.dispose]();
    return ending;
  }
}

type LastEvent = Extract<GenerationEvent, { kind: 'finished' } | { kind: 'failed' }>;

/** The engine's request for one prompt. */
export function generationRequest(
  options: GenerationOptions,
  parts: Pick<GenerationRequest, 'id' | 'prompt' | 'tenant' | 'maxTokens'> & {
    readonly logprobs: { readonly topCount: number } | undefined;
    readonly gbnf: string | undefined;
  },
): GenerationRequest {
  const { logprobs, gbnf, ...own } = parts;
  const { seed, ...sampling } = options.sampling;
  return {
    ...own,
    choiceCount: options.choiceCount,
    sampling: {
      ...sampling,
      ...(seed !== undefined && { seed: foldedSeed(seed) }),
      ...(gbnf !== undefined && { grammar: { gbnf } }),
    },
    stop: options.stop,
    ignoreEos: options.ignoreEos,
    ...(logprobs !== undefined && { logprobs }),
    priority: options.priority,
    ...(options.deadlineMs !== undefined && { deadlineMs: options.deadlineMs }),
  };
}

/** Samplers take 32 bits, each choice adds its index, and libllama reads the largest value as "random". */
const seedsCount = 2 ** 32 - 1024;

function foldedSeed(seed: number): number {
  return ((seed % seedsCount) + seedsCount) % seedsCount;
}

function errorOfRejection(rejection: RejectedSubmission, fields: FieldNames): ApiError {
  switch (rejection.reason) {
    case 'queue-full':
      return queueFull(rejection.limit, rejection.retryAfterMs);
    case 'prompt-too-long':
      return contextLengthExceeded(rejection.promptTokens, rejection.limit, fields.prompt);
    case 'draining':
      return draining();
    case 'grammar-invalid':
      return apiError('invalid_value', rejection.message, { param: fields.grammar });
  }
}

function errorOfFailure(failure: Extract<GenerationEvent, { kind: 'failed' }>): ApiError {
  switch (failure.reason) {
    case 'deadline':
      return deadlineExceeded(failure.message);
    case 'cancelled':
      return draining();
    case 'engine':
      return engineFailed(failure.message);
  }
}
