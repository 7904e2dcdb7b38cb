import type { EncodingSpeed } from './tune-measure.ts';

/** An encoding that was measured. */
export interface Candidate {
  readonly encoding: string;
  readonly path: string;
  readonly speed: EncodingSpeed;
  /** Mean divergence from the file as it was shipped, in nats; 0 for that file. */
  readonly lossNats: number;
}

/** An encoding may differ from the file as shipped by this much on average. */
export const lossNatsMax = 0.02;
/** What is not faster by this much is not worth another file. */
const gainMin = 1.1;

/** Speed as one number: the geometric mean of prefill and of decoding at 1, 8 and 32 sequences. */
export function scoreOf({ prefill, decode1, decode8, decode32 }: EncodingSpeed): number {
  return (prefill * decode1 * decode8 * decode32) ** 0.25;
}

/** The fastest encoding within the loss; the shipped one, which stands first, when nothing is clearly faster. */
export function chooseEncoding(candidates: readonly [Candidate, ...Candidate[]]): Candidate {
  const [shipped] = candidates;
  let best = shipped;
  for (const candidate of candidates) {
    const isFaithful = candidate.lossNats <= lossNatsMax;
    if (isFaithful && scoreOf(candidate.speed) > scoreOf(best.speed)) best = candidate;
  }
  return scoreOf(best.speed) >= scoreOf(shipped.speed) * gainMin ? best : shipped;
}
