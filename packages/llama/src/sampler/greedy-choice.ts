/** Tokens compared at once; one test tells whether any of them beats the best so far. */
const stride = 8;

/**
 * Takes the most probable token straight from a row of logits, the first of equals as libllama's greedy sampler does.
 * libllama first writes a candidate of 12 bytes for every token of the vocabulary, which costs six times as much.
 *
 * Hot path: once a token. No allocation.
 */
export class GreedyChoice {
  readonly #tokens: Int32Array;
  readonly #bias: Float32Array;
  readonly #kept: Float32Array;

  /** `bias` is added to the logits of tokens, by token. */
  constructor(bias: ReadonlyMap<number, number>) {
    this.#tokens = Int32Array.from(bias.keys());
    this.#bias = Float32Array.from(bias.values());
    this.#kept = new Float32Array(bias.size);
  }

  /** The token chosen from `logits` (one row, vocabulary size), which are as they were afterwards. */
  choose(logits: Float32Array): number {
    for (let at = 0; at < this.#tokens.length; at++) {
      const token = this.#tokens[at] as number;
      this.#kept[at] = logits[token] as number;
      logits[token] = (logits[token] as number) + (this.#bias[at] as number);
    }
    const chosen = indexOfLargest(logits);
    for (let at = 0; at < this.#tokens.length; at++)
      logits[this.#tokens[at] as number] = this.#kept[at] as number;
    return chosen;
  }
}

function indexOfLargest(values: Float32Array): number {
  let index = 0;
  let largest = values[0] as number;
  const strided = values.length - (values.length % stride);
  for (let at = 0; at < strided; at += stride) {
    if (
      (values[at] as number) > largest ||
      (values[at + 1] as number) > largest ||
      (values[at + 2] as number) > largest ||
      (values[at + 3] as number) > largest ||
      (values[at + 4] as number) > largest ||
      (values[at + 5] as number) > largest ||
      (values[at + 6] as number) > largest ||
      (values[at + 7] as number) > largest
    ) {
      index = indexWithin(values, at, at + stride, index);
      largest = values[index] as number;
    }
  }
  return indexWithin(values, strided, values.length, index);
}

// oxlint-disable-next-line max-params -- once for every stride that holds a new best: an options object would be garbage
function indexWithin(values: Float32Array, from: number, to: number, best: number): number {
  let index = best;
  for (let at = from; at < to; at++) {
    if ((values[at] as number) > (values[index] as number)) index = at;
  }
  return index;
}
