import { assert } from '@millrace/stdx';
import type { LlamaFunctions, Pointer } from '../abi/functions.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** No piece of any known vocabulary is longer. */
const pieceBytesGuess = 128;

export interface TokenizeOptions {
  /** Adds what the model wants around a text, such as a beginning-of-sequence token. */
  readonly addSpecial: boolean;
  /** Reads special tokens written in the text as such; otherwise they are plain text. */
  readonly parseSpecial: boolean;
}

/** A model's vocabulary: text to tokens and back. Safe to use while a context decodes. */
export class Vocabulary {
  readonly tokenCount: number;
  readonly bosToken: number | undefined;
  readonly eosToken: number | undefined;
  readonly eotToken: number | undefined;
  readonly addsBos: boolean;
  /** Every token for which `isEndOfGeneration` is true. */
  readonly endOfGenerationTokens: readonly number[];
  readonly #functions: LlamaFunctions;
  readonly address: Pointer;
  /** Pieces by token; one list for plain text, one with special tokens written out. */
  readonly #pieces: readonly [(Uint8Array | undefined)[], (Uint8Array | undefined)[]] = [[], []];
  readonly #ending: Uint8Array;

  constructor(functions: LlamaFunctions, address: Pointer) {
    this.#functions = functions;
    this.address = address;
    this.tokenCount = functions.call<number>('llama_vocab_n_tokens', address);
    this.bosToken = this.#special('llama_vocab_bos');
    this.eosToken = this.#special('llama_vocab_eos');
    this.eotToken = this.#special('llama_vocab_eot');
    this.addsBos = functions.call<boolean>('llama_vocab_get_add_bos', address);
    this.#ending = Uint8Array.from({ length: this.tokenCount }, (_, token) =>
      functions.call<boolean>('llama_vocab_is_eog', address, token) ? 1 : 0,
    );
    this.endOfGenerationTokens = [...this.#ending.keys()].filter(
      (token) => this.#ending[token] === 1,
    );
  }

  /** True for tokens with which the model ends its answer. */
  isEndOfGeneration(token: number): boolean {
    this.#check(token);
    return this.#ending[token] === 1;
  }

  isControl(token: number): boolean {
    this.#check(token);
    return this.#functions.call<boolean>('llama_vocab_is_control', this.address, token);
  }

  tokenize(text: string, options: TokenizeOptions): Int32Array {
    const bytes = encoder.encode(text);
    const write = (tokens: Int32Array): number =>
      this.#functions.call<number>(
        'llama_tokenize',
        this.address,
        bytes,
        bytes.length,
        tokens,
        tokens.length,
        options.addSpecial,
        options.parseSpecial,
      );
    let tokens = new Int32Array(Math.ceil(bytes.length / 2) + 16);
    let count = write(tokens);
    if (count < 0) {
      tokens = new Int32Array(-count);
      count = write(tokens);
    }
    assert(count >= 0, 'a buffer of the size that libllama asked for is large enough');
    return tokens.slice(0, count);
  }

  /**
   * The bytes that a token stands for; perhaps a part of a character. Control tokens are empty unless `special`.
   * The array is shared: it must not be written to.
   */
  pieceBytes(token: number, options: { readonly special?: boolean } = {}): Uint8Array {
    this.#check(token);
    const special = options.special ?? false;
    const pieces = this.#pieces[special ? 1 : 0];
    const known = pieces[token];
    if (known !== undefined) return known;
    const piece = this.#readPiece(token, special);
    pieces[token] = piece;
    return piece;
  }

  /** The text of a list of tokens; bytes that are not UTF-8 become U+FFFD. */
  detokenize(
    tokens: Int32Array | readonly number[],
    options: { readonly special?: boolean } = {},
  ): string {
    return decoder.decode(
      Buffer.concat(Array.from(tokens, (token) => this.pieceBytes(token, options))),
    );
  }

  #readPiece(token: number, special: boolean): Uint8Array {
    const write = (buffer: Uint8Array): number =>
      this.#functions.call<number>(
        'llama_token_to_piece',
        this.address,
        token,
        buffer,
        buffer.length,
        0,
        special,
      );
    let buffer = new Uint8Array(pieceBytesGuess);
    let length = write(buffer);
    if (length < 0) {
      buffer = new Uint8Array(-length);
      length = write(buffer);
    }
    return buffer.slice(0, Math.max(0, length));
  }

  #special(name: 'llama_vocab_bos' | 'llama_vocab_eos' | 'llama_vocab_eot'): number | undefined {
    const token = this.#functions.call<number>(name, this.address);
    return token < 0 ? undefined : token;
  }

  #check(token: number): void {
    assert(
      Number.isInteger(token) && token >= 0 && token < this.tokenCount,
      `token ${token} is in the vocabulary`,
    );
  }
}
