import { assert, assertDefined } from '@millrace/stdx';
import type { LlamaFunctions, Pointer, StructValue } from '../abi/functions.ts';
import type { Context } from '../context/context.ts';
import { LlamaError } from '../errors.ts';
import type { SamplerOptions } from '../options.ts';
import type { Vocabulary } from '../vocabulary/vocabulary.ts';
import type { CandidateScratch } from './candidate-scratch.ts';
import { GreedyChoice } from './greedy-choice.ts';

/** What a sampler is made from. */
export interface SamplerStart {
  readonly functions: LlamaFunctions;
  readonly vocabulary: Vocabulary;
  readonly scratch: CandidateScratch;
  readonly options: SamplerOptions;
}

/** Penalties look back on so many generated tokens when they are to look back on all. */
const penaltyTokensDefault = 16_384;
const oneKept = 1;
/** libllama takes this value as a wish for a seed of its own (llama.h, LLAMA_DEFAULT_SEED). */
const seedOfItsOwn = 0xffff_ffff;

/**
 * Chooses tokens: logit bias, penalties, top-k, typical, top-p, min-p, temperature, then a draw; or the most probable
 * token where the temperature is 0. A grammar rules out what does not fit.
 */
export class Sampler implements Disposable {
  readonly #start: SamplerStart;
  readonly #functions: LlamaFunctions;
  readonly #chain: Pointer;
  readonly #grammar: Pointer | undefined;
  /** Present when the chain comes to no more than taking the most probable token. */
  readonly #greedy: GreedyChoice | undefined;
  #isOpen = true;

  constructor(start: SamplerStart) {
    this.#start = start;
    this.#functions = start.functions;
    this.#grammar = createGrammar(start);
    this.#chain = createChain(start);
    const { temperature, logitBias } = start.options;
    if (temperature === 0 && !hasPenalties(start.options))
      this.#greedy = new GreedyChoice(logitBias ?? new Map());
  }

  /** Takes the next token from the logits of a token in the last batch, and remembers it. */
  sample(context: Context, batchIndex: number): number {
    assert(this.#isOpen, 'a sampler is not used after it was disposed');
    if (this.#grammar === undefined) {
      if (this.#greedy !== undefined) return this.#greedy.choose(context.logits(batchIndex));
      return this.#functions.call<number>(
        'llama_sampler_sample',
        this.#chain,
        context.address,
        batchIndex,
      );
    }
    const token = this.#sampleWithGrammar(this.#grammar, context.logits(batchIndex));
    if (token === undefined) return this.#endToken;
    this.accept(token);
    return token;
  }

  /** Remembers a token as if it had been sampled. */
  accept(token: number): void {
    this.#functions.call('llama_sampler_accept', this.#chain, token);
    if (this.#grammar !== undefined)
      this.#functions.call('llama_sampler_accept', this.#grammar, token);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#functions.call('llama_sampler_free', this.#chain);
    if (this.#grammar !== undefined) this.#functions.call('llama_sampler_free', this.#grammar);
  }

  /**
   * Checking one token against a grammar is cheap, checking a vocabulary is not: most first choices fit. Undefined
   * when no token fits, which a grammar without an end or a bias against the end of text can bring about; to accept a
   * token then would end the process.
   */
  #sampleWithGrammar(grammar: Pointer, logits: Float32Array): number | undefined {
    const { scratch } = this.#start;
    const token = this.#greedy?.choose(logits) ?? this.#firstChoice(logits);
    if (this.#fits(grammar, token)) return token;
    const candidates = scratch.fill(logits);
    this.#functions.call('llama_sampler_apply', grammar, candidates);
    this.#functions.call('llama_sampler_apply', this.#chain, candidates);
    const second = scratch.selectedToken();
    return this.#fits(grammar, second) ? second : undefined;
  }

  #firstChoice(logits: Float32Array): number {
    const { scratch } = this.#start;
    this.#functions.call('llama_sampler_apply', this.#chain, scratch.fill(logits));
    return scratch.selectedToken();
  }

  #fits(grammar: Pointer, token: number): boolean {
    const { scratch } = this.#start;
    this.#functions.call('llama_sampler_apply', grammar, scratch.fillOne(token));
    return scratch.firstLogit() !== Number.NEGATIVE_INFINITY;
  }

  /** What ends an answer that cannot go on. */
  get #endToken(): number {
    const { vocabulary } = this.#start;
    const end = vocabulary.eosToken ?? vocabulary.eotToken ?? vocabulary.endOfGenerationTokens[0];
    return assertDefined(end, 'a vocabulary has a token that ends an answer');
  }
}

function createGrammar({ functions, vocabulary, options }: SamplerStart): Pointer | undefined {
  if (options.grammar === undefined) return undefined;
  const root = options.grammar.root ?? 'root';
  const grammar = functions.call<Pointer | null>(
    'llama_sampler_init_grammar',
    vocabulary.address,
    options.grammar.gbnf,
    root,
  );
  if (grammar === null || grammar === 0n) {
    throw new LlamaError(`read the grammar: it does not parse as GBNF, or has no rule "${root}"`, {
      code: 'LLAMA_GRAMMAR_INVALID',
    });
  }
  return grammar;
}

function createChain(start: SamplerStart): Pointer {
  const { functions, options } = start;
  const params = functions.call<StructValue>('llama_sampler_chain_default_params');
  const chain = functions.call<Pointer>('llama_sampler_chain_init', { ...params, no_perf: true });
  for (const sampler of [...createAdjusters(start), ...createChoosers(functions, options)]) {
    functions.call('llama_sampler_chain_add', chain, sampler);
  }
  return chain;
}

/** What changes logits whatever the temperature: bias and penalties. */
function createAdjusters(start: SamplerStart): readonly Pointer[] {
  const { functions, options, vocabulary } = start;
  const { logitBias, repeatPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  const adjusters: Pointer[] = [];
  if (logitBias !== undefined && logitBias.size > 0) {
    adjusters.push(createLogitBias(start, logitBias));
  }
  if (hasPenalties(options)) {
    adjusters.push(
      functions.call<Pointer>(
        'llama_sampler_init_penalties',
        vocabulary.tokenCount,
        options.penaltyLastTokens ?? penaltyTokensDefault,
        repeatPenalty,
        frequencyPenalty,
        presencePenalty,
      ),
    );
  }
  return adjusters;
}

function hasPenalties(options: SamplerOptions): boolean {
  const { repeatPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  return repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
}

/** What narrows the choice and makes it. */
function createChoosers(functions: LlamaFunctions, options: SamplerOptions): readonly Pointer[] {
  if (options.temperature === 0) return [functions.call<Pointer>('llama_sampler_init_greedy')];
  const { topK, typicalP, topP, minP } = options;
  const cuts: readonly (readonly [name: string, ...args: (number | undefined)[]])[] = [
    ['llama_sampler_init_top_k', topK],
    ['llama_sampler_init_typical', typicalP, oneKept],
    ['llama_sampler_init_top_p', topP, oneKept],
    ['llama_sampler_init_min_p', minP, oneKept],
    ['llama_sampler_init_temp', options.temperature],
    ['llama_sampler_init_dist', (options.seed ?? seedOfItsOwn) >>> 0],
  ];
  return cuts.flatMap(([name, ...args]) =>
    args.includes(undefined) ? [] : [functions.call<Pointer>(name, ...args)],
  );
}

function createLogitBias(
  { functions, vocabulary }: SamplerStart,
  bias: ReadonlyMap<number, number>,
): Pointer {
  const words = new Int32Array(bias.size * 2);
  const floats = new Float32Array(words.buffer);
  let at = 0;
  for (const [token, value] of bias) {
    assert(
      token >= 0 && token < vocabulary.tokenCount,
      `biased token ${token} is in the vocabulary`,
    );
    words[at] = token;
    floats[at + 1] = value;
    at += 2;
  }
  return functions.call('llama_sampler_init_logit_bias', vocabulary.tokenCount, bias.size, words);
}
