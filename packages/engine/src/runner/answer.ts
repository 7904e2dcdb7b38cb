import type { Sampler, Vocabulary } from '@millrace/llama';
import type { Sequence } from '../sequence/sequence.ts';
import type { GeneratedToken, GenerationEvent } from '../request.ts';
import { logprobsOf } from '../sampling/logprobs.ts';
import { TextStream } from '../text/text-stream.ts';
import type { EntryOutput } from './context-pools.ts';

/** What an answer is made of. */
export interface AnswerOptions {
  readonly sequence: Sequence;
  readonly choiceIndex: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly sampler: Sampler;
  readonly vocabulary: Vocabulary;
  readonly logprobs: { readonly topCount: number } | undefined;
  readonly emit: (event: GenerationEvent) => void;
}

/** One answer of a request: turns logits into tokens, tokens into text, and says when it is over. */
export class Answer implements Disposable {
  readonly sequence: Sequence;
  readonly #options: AnswerOptions;
  readonly #text: TextStream;
  #tokenCount = 0;
  #isCut = false;

  constructor(options: AnswerOptions) {
    this.sequence = options.sequence;
    this.#options = options;
    this.#text = new TextStream(options.stop);
  }

  /** Tokens generated, the one that ended the answer included. */
  get tokenCount(): number {
    return this.#tokenCount;
  }

  /** True when the answer ended for want of tokens, not because it was complete. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Takes the next token from the logits. */
  sample(output: EntryOutput): number {
    return this.#options.sampler.sample(output.context, output.batchIndex);
  }

  /** Adds the token that these logits gave; true when the answer is over. */
  extend(token: number, output: EntryOutput): boolean {
    const { vocabulary, maxTokens } = this.#options;
    this.#tokenCount++;
    if (vocabulary.isEndOfGeneration(token))
      return this.#finish('stop', token === vocabulary.eosToken ? undefined : token);
    const bytes = vocabulary.pieceBytes(token);
    const { text, stop } = this.#text.push(bytes);
    const tokens = this.#describe(output, token, bytes);
    if (text !== '' || tokens.length > 0) this.#emitText(text, tokens);
    if (stop !== undefined) return this.#finish('stop', stop);
    this.sequence.append(token);
    const isFull = this.sequence.length === this.sequence.tokensMax;
    return this.#tokenCount === maxTokens || isFull ? this.#finish('length') : false;
  }

  /** Ends the answer where it stands, for want of room. */
  cutShort(): void {
    this.#finish('length');
  }

  [Symbol.dispose](): void {
    this.#options.sampler[Symbol.dispose]();
  }

  #describe(output: EntryOutput, token: number, bytes: Uint8Array): readonly GeneratedToken[] {
    const { logprobs, vocabulary } = this.#options;
    if (logprobs === undefined) return [];
    const row = logprobsOf(output.context.logits(output.batchIndex), token, logprobs.topCount);
    const top = row.top.map((ranked) => ({
      ...ranked,
      bytes: vocabulary.pieceBytes(ranked.token),
    }));
    return [{ token, bytes, logprob: row.chosen, top }];
  }

  #finish(reason: 'stop' | 'length', stop?: string | number): true {
    const { choiceIndex, emit } = this.#options;
    this.#isCut = reason === 'length';
    const rest = typeof stop === 'string' ? '' : this.#text.end();
    if (rest !== '') this.#emitText(rest, []);
    const end = { kind: 'choice-finished', choiceIndex, reason } as const;
    emit(stop === undefined ? end : { ...end, stop });
    return true;
  }

  #emitText(text: string, tokens: readonly GeneratedToken[]): void {
    this.#options.emit({ kind: 'text', choiceIndex: this.#options.choiceIndex, text, tokens });
  }
}
