import { type Prng, seededPrng } from '@millrace/stdx';
import type { LoadRequest } from '../load/measured-request.ts';

const words =
  'river stone lantern copper seven window garden engine paper signal winter table orange cloud bridge music letter harbour field lamp clock street mirror forest island pepper cotton silver hammer basket'.split(
    ' ',
  );

/** Words that most vocabularies have as one token each. */
export function wordsOf(random: Prng, count: number): string {
  return Array.from({ length: count }, () => words[random.below(words.length)]).join(' ');
}

/** Log-normal around a median, within bounds; the mean is a little above the median. */
function lengthAround(random: Prng, median: number, spread: number): number {
  const normal =
    Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return Math.round(Math.min(median * 6, Math.max(median / 6, median * Math.exp(spread * normal))));
}

/** Short questions and answers of very different length: in ≈ 60 tokens, out ≈ 120. No prompt has a start in common. */
export function chatMix(seed: number, count: number): readonly LoadRequest[] {
  const random = seededPrng(seed);
  return Array.from({ length: count }, (_, index) => ({
    prompt: `${index} ${seed} ${wordsOf(random, lengthAround(random, 50, 0.5))}`,
    outputTokens: lengthAround(random, 95, 0.7),
  }));
}

/** Prompts of about so many tokens each, with nothing in common, and answers of equal length. */
export function evenLoad(
  seed: number,
  shape: { readonly count: number; readonly promptWords: number; readonly outputTokens: number },
): readonly LoadRequest[] {
  const random = seededPrng(seed);
  return Array.from({ length: shape.count }, (_, index) => ({
    prompt: `${index} ${seed} ${wordsOf(random, shape.promptWords)}`,
    outputTokens: shape.outputTokens,
  }));
}

/** Requests with one long beginning in common. */
export function sharedPrefix(
  seed: number,
  shape: { readonly count: number; readonly prefixWords: number; readonly outputTokens: number },
): readonly LoadRequest[] {
  const random = seededPrng(seed);
  const prefix = `${seed} ${wordsOf(random, shape.prefixWords)}`;
  return Array.from({ length: shape.count }, (_, index) => ({
    prompt: `${prefix} question ${index} ${wordsOf(random, 8)}`,
    outputTokens: shape.outputTokens,
  }));
}

/** Arrival times with exponential gaps. */
export function poissonArrivals(
  seed: number,
  loads: readonly LoadRequest[],
  perSecond: number,
): readonly { readonly load: LoadRequest; readonly atMs: number }[] {
  const random = seededPrng(seed);
  let atMs = 0;
  return loads.map((load) => {
    atMs += (-Math.log(1 - random.next()) * 1000) / perSecond;
    return { load, atMs };
  });
}
