import type { FailureReason, Generation, GenerationRequest } from '../request.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { Answer } from './answer.ts';
import type { EntryOutput } from './context-pools.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import type { GenerationStream } from './generation-stream.ts';

/** What a live request is made of. */
export interface LiveRequestParts {
  readonly request: GenerationRequest;
  readonly answers: readonly Answer[];
  readonly stream: GenerationStream;
  readonly metrics: EngineMetrics;
  readonly arrivedAtMs: number;
}

/** An accepted request on its way: its answers, its events, its times. */
export class LiveRequest {
  readonly #parts: LiveRequestParts;
  readonly #answerOf: Map<Sequence, Answer>;
  readonly #lastTokenAtMs = new Map<Sequence, number>();
  #isStarted = false;
  #isComputed = false;
  #answeredCount = 0;

  constructor(parts: LiveRequestParts) {
    this.#parts = parts;
    this.#answerOf = new Map(parts.answers.map((answer) => [answer.sequence, answer]));
  }

  get sequences(): readonly Sequence[] {
    return this.#parts.answers.map((answer) => answer.sequence);
  }

  get generation(): Generation {
    return this.#parts.stream;
  }

  get isOver(): boolean {
    return this.#parts.stream.isOver;
  }

  /** True when every answer has ended. */
  get isAnswered(): boolean {
    return this.#answeredCount === this.#parts.answers.length;
  }

  /** Records that a step computed tokens of a sequence. */
  noteComputed(sequence: Sequence, nowMs: number): void {
    if (this.#isComputed || this.isOver) return;
    this.#isComputed = true;
    const { metrics, arrivedAtMs } = this.#parts;
    metrics.queued.observe((nowMs - arrivedAtMs) / 1000);
    metrics.prefixQueries.inc(sequence.promptLength);
    metrics.prefixHits.inc(sequence.cachedTokens ?? 0);
  }

  /** The next token of an answer. */
  sample(output: EntryOutput): number | undefined {
    return this.#answerOf.get(output.entry.sequence)?.sample(output);
  }

  /** Adds a token to an answer; true when that answer is over. */
  extend(token: number, output: EntryOutput, nowMs: number): boolean {
    const { sequence } = output.entry;
    const answer = this.#answerOf.get(sequence);
    if (answer === undefined || this.isOver) return true;
    this.#noteToken(sequence, nowMs);
    const isOver = answer.extend(token, output);
    if (isOver) this.#answeredCount++;
    return isOver;
  }

  /** Ends an answer for want of room. */
  cutShort(sequence: Sequence): void {
    if (this.isOver) return;
    this.#answerOf.get(sequence)?.cutShort();
    this.#answeredCount++;
  }

  finish(nowMs: number): void {
    const { answers, stream, metrics, arrivedAtMs } = this.#parts;
    const completionTokens = answers.reduce((sum, answer) => sum + answer.tokenCount, 0);
    stream.push({
      kind: 'finished',
      usage: {
        promptTokens: this.#promptTokens,
        completionTokens,
        cachedTokens: this.#cachedTokens,
      },
    });
    metrics.request.observe((nowMs - arrivedAtMs) / 1000);
    metrics.generationTokens.inc(completionTokens);
    const isCut = answers.some((answer) => answer.isCut);
    (isCut ? metrics.succeededLength : metrics.succeededStop).inc();
    this.#close();
  }

  fail(reason: FailureReason, message: string): void {
    const { stream, metrics, answers } = this.#parts;
    stream.push({ kind: 'failed', reason, message });
    stream.release();
    metrics.generationTokens.inc(answers.reduce((sum, answer) => sum + answer.tokenCount, 0));
    (reason === 'cancelled' ? metrics.aborted : metrics.failed).inc();
    this.#close();
  }

  release(): void {
    this.#parts.stream.release();
  }

  #noteToken(sequence: Sequence, nowMs: number): void {
    const { metrics, stream, arrivedAtMs } = this.#parts;
    if (!this.#isStarted) {
      this.#isStarted = true;
      metrics.ttft.observe((nowMs - arrivedAtMs) / 1000);
      stream.push({
        kind: 'started',
        promptTokens: this.#promptTokens,
        cachedTokens: this.#cachedTokens,
      });
    }
    const lastAtMs = this.#lastTokenAtMs.get(sequence);
    if (lastAtMs !== undefined) metrics.gap.observe((nowMs - lastAtMs) / 1000);
    this.#lastTokenAtMs.set(sequence, nowMs);
  }

  get #promptTokens(): number {
    return this.#parts.request.prompt.length;
  }

  /** What the first answer found; the others share its prompt. */
  get #cachedTokens(): number {
    return this.#parts.answers[0]?.sequence.cachedTokens ?? 0;
  }

  #close(): void {
    for (const answer of this.#parts.answers) answer[Symbol.dispose]();
  }
}
