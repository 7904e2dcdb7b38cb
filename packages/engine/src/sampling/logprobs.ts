/** A token's index and its log probability. */
export interface RankedToken {
  readonly token: number;
  readonly logprob: number;
}

/** Log probabilities out of one row of logits. */
export interface RowLogprobs {
  readonly chosen: number;
  /** Best first, `topCount` of them. */
  readonly top: readonly RankedToken[];
}

/**
 * The natural-log probability of `token`, and of the most probable tokens, under softmax over `logits` (one row,
 * vocabulary size). Reads the row three times; allocates only the result.
 */
export function logprobsOf(logits: Float32Array, token: number, topCount: number): RowLogprobs {
  let largest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < logits.length; at++) largest = Math.max(largest, logits[at] as number);
  let sum = 0;
  for (let at = 0; at < logits.length; at++) sum += Math.exp((logits[at] as number) - largest);
  const offset = largest + Math.log(sum);
  const top = mostProbable(logits, topCount).map((index) => ({
    token: index,
    logprob: (logits[index] as number) - offset,
  }));
  return { chosen: (logits[token] as number) - offset, top };
}

function mostProbable(logits: Float32Array, count: number): readonly number[] {
  const best: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < logits.length && count > 0; at++) {
    const logit = logits[at] as number;
    if (best.length === count && logit <= least) continue;
    let place = best.length;
    while (place > 0 && (logits[best[place - 1] as number] as number) < logit) place--;
    best.splice(place, 0, at);
    if (best.length > count) best.pop();
    least = logits[best.at(-1) as number] as number;
  }
  return best;
}
