import { assert } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import { EngineError } from '../errors.ts';
import type {
  GeneratedToken,
  Generation,
  GenerationEvent,
  GenerationRequest,
  Submission,
} from '../request.ts';
import type { ServedEngine, ServedModel, ServedVocabulary } from '../server/served-engine.ts';

const bosToken = 256;
const eosToken = 257;
const tokenCount = 258;
const contextTokensMax = 2000;
const embeddingSize = 4;

/** What a fake engine does with the requests of a test. */
export interface FakeEngineOptions {
  /** The text of an answer; by default the prompt's last 12 characters. */
  readonly answer?: (prompt: string, request: GenerationRequest) => Iterable<string>;
  readonly queueLengthMax?: number;
  readonly chatTemplate?: string | undefined;
}

const chatTemplate =
  "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}<|assistant|>";

/** An engine whose tokens are bytes and whose answers a test chooses; it waits for nothing but its reader. */
export class FakeEngine implements ServedEngine {
  readonly metrics: Registry = new Registry();
  readonly model: ServedModel;
  /** Requests in the order in which they came. */
  readonly requests: GenerationRequest[] = [];
  isReady = true;
  readonly #options: FakeEngineOptions;
  readonly #running = new Set<FakeGeneration>();
  #cancelledCount = 0;
  #onChange: (() => void)[] = [];

  constructor(options: FakeEngineOptions = {}) {
    this.#options = options;
    this.model = {
      id: 'fake',
      contextTokensMax,
      embeddingSize,
      chatTemplate: 'chatTemplate' in options ? options.chatTemplate : chatTemplate,
      vocabulary: byteVocabulary,
      createdUnixS: 1_700_000_000,
    };
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get cancelledCount(): number {
    return this.#cancelledCount;
  }

  /** Resolves when `holds` is true; asks whenever a request comes or goes. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#onChange.push(resolve));
  }

  submit(request: GenerationRequest): Submission {
    if (!this.isReady) return { kind: 'rejected', reason: 'draining' };
    const promptTokens = request.prompt.length;
    const promptLimit = contextTokensMax - 1;
    if (promptTokens > promptLimit) {
      return { kind: 'rejected', reason: 'prompt-too-long', promptTokens, limit: promptLimit };
    }
    const limit = this.#options.queueLengthMax ?? Number.POSITIVE_INFINITY;
    if (this.#running.size >= limit) {
      return { kind: 'rejected', reason: 'queue-full', retryAfterMs: 1500, limit };
    }
    if (request.sampling.grammar?.gbnf.includes('root') === false) {
      return { kind: 'rejected', reason: 'grammar-invalid', message: 'the grammar has no root' };
    }
    this.requests.push(request);
    const answer = this.#options.answer ?? ((prompt: string): string => prompt.slice(-12));
    const texts = Array.from({ length: request.choiceCount }, () =>
      answer(byteVocabulary.detokenize(request.prompt), request),
    );
    const generation = new FakeGeneration(request, texts, (wasCancelled) => {
      this.#running.delete(generation);
      if (wasCancelled) this.#cancelledCount++;
      this.#noteChange();
    });
    this.#running.add(generation);
    this.#noteChange();
    return { kind: 'accepted', generation };
  }

  async embed(inputs: readonly Int32Array[]): Promise<readonly Float32Array[]> {
    const tooLong = inputs.findIndex((input) => input.length > contextTokensMax);
    if (tooLong >= 0) {
      const message = `embed input ${tooLong}: the limit is ${contextTokensMax}`;
      throw new EngineError(message, { code: 'ENGINE_INPUT_TOO_LONG' });
    }
    return inputs.map((input) => Float32Array.from([input.length, 0.5, -0.25, 0]));
  }

  #noteChange(): void {
    for (const resolve of this.#onChange.splice(0)) resolve();
  }
}

class FakeGeneration implements Generation {
  readonly #request: GenerationRequest;
  readonly #texts: readonly Iterable<string>[];
  readonly #onEnd: (wasCancelled: boolean) => void;
  #isOver = false;
  #isCancelled = false;
  #wake: () => void = () => undefined;

  constructor(
    request: GenerationRequest,
    texts: readonly Iterable<string>[],
    onEnd: (wasCancelled: boolean) => void,
  ) {
    this.#request = request;
    this.#texts = texts;
    this.#onEnd = onEnd;
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isCancelled = true;
    this.#end(true);
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent, void, void> {
    const promptTokens = this.#request.prompt.length;
    const cachedTokens = Math.floor(promptTokens / 2);
    if (this.#request.deadlineMs === 1) {
      this.#end(false);
      yield { kind: 'failed', reason: 'deadline', message: 'it took longer than 1 ms' };
      return;
    }
    let completionTokens = 0;
    let isStarted = false;
    for (const [choiceIndex, text] of this.#texts.entries()) {
      for (const event of choiceEvents(this.#request, choiceIndex, text)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (event !== 'pause') setImmediate(resolve);
        });
        if (this.#isCancelled) {
          yield { kind: 'failed', reason: 'cancelled', message: 'the request was cancelled' };
          return;
        }
        assert(event !== 'pause', 'only a cancellation ends a pause');
        if (!isStarted) yield { kind: 'started', promptTokens, cachedTokens };
        isStarted = true;
        if (event.kind === 'text') completionTokens++;
        if (event.kind === 'failed') this.#end(false);
        yield event;
        if (event.kind === 'failed') return;
      }
    }
    this.#end(false);
    yield { kind: 'finished', usage: { promptTokens, completionTokens, cachedTokens } };
  }

  #end(wasCancelled: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd(wasCancelled);
  }
}

/** A piece of this text makes the engine fail. */
export const failingPiece = '\u0000fail';

/** At a piece of this text the answer waits until it is cancelled. */
export const pausingPiece = '\u0000pause';

function* choiceEvents(
  request: GenerationRequest,
  choiceIndex: number,
  text: Iterable<string>,
): Generator<GenerationEvent | 'pause'> {
  let count = 0;
  let whole = '';
  for (const piece of text) {
    if (piece === pausingPiece) yield 'pause';
    if (piece === failingPiece) {
      yield { kind: 'failed', reason: 'engine', message: 'a step failed' };
      return;
    }
    if (count === request.maxTokens) {
      yield { kind: 'choice-finished', choiceIndex, reason: 'length' };
      return;
    }
    count++;
    whole += piece;
    const stop = request.stop.find((one) => whole.endsWith(one));
    if (stop !== undefined) {
      yield { kind: 'choice-finished', choiceIndex, reason: 'stop', stop };
      return;
    }
    yield { kind: 'text', choiceIndex, text: piece, tokens: tokensOf(request, piece) };
  }
  yield { kind: 'choice-finished', choiceIndex, reason: 'stop' };
}

function tokensOf(request: GenerationRequest, piece: string): readonly GeneratedToken[] {
  if (request.logprobs === undefined) return [];
  const bytes = new TextEncoder().encode(piece);
  const token = { token: bytes[0] ?? 0, bytes, logprob: -0.5 };
  return [{ ...token, top: Array.from({ length: request.logprobs.topCount }, () => token) }];
}

const byteVocabulary: ServedVocabulary = {
  tokenCount,
  bosToken,
  eosToken,
  addsBos: false,
  tokenize: (text) => Int32Array.from(new TextEncoder().encode(text)),
  detokenize: (tokens) =>
    new TextDecoder().decode(Uint8Array.from(Array.from(tokens).filter((token) => token < 256))),
};
