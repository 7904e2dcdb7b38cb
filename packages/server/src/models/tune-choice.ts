import type { EncodingSpeed } from './tune-speed.ts';
import type { EncodingLoss } from './tune-loss.ts';

/** An encoding that was tried. */
export interface Candidate {
  readonly encoding: string;
  readonly sizeBytes: number;
  /** Against the file as it was shipped; zero for that file. */
  readonly loss: EncodingLoss;
  /** Missing where an encoding loses too much to be worth measuring. */
  readonly speed?: EncodingSpeed;
}

/** An encoding may differ from the file as shipped by this much: mean KL divergence of next-token distributions. */
export const lossNatsMax = 0.02;
/** What is not faster by this much is not worth another file. */
export const gainMin = 1.1;

/** What tuning settles on. */
export interface Choice {
  readonly chosen: Candidate;
  readonly reason: string;
}

/** True for what loses next to nothing. */
export function isFaithful({ loss }: Candidate): boolean {
  return loss.meanNats <= lossNatsMax;
}

/** Speed as one number: the geometric mean of prefill and of decoding at 1, 8 and 32 sequences, each weighing the same. */
export function scoreOf({ prefill, decode1, decode8, decode32 }: EncodingSpeed): number {
  return (prefill.median * decode1.median * decode8.median * decode32.median) ** 0.25;
}

/** The fastest encoding within the loss; the shipped one, which stands first, when nothing is clearly faster. */
export function chooseEncoding(candidates: readonly [Candidate, ...Candidate[]]): Choice {
  const [shipped, ...others] = candidates;
  const rivals = others.filter((other) => isFaithful(other) && other.speed !== undefined);
  const [best] = rivals.toSorted((one, other) => score(other) - score(one));
  if (best === undefined) {
    return { chosen: shipped, reason: `nothing else loses at most ${lossNatsMax} nats` };
  }
  const gain = score(best) / score(shipped);
  const words = `${best.encoding} is ${gain.toFixed(2)} times as fast as ${shipped.encoding}`;
  if (!(gain >= gainMin)) {
    return { chosen: shipped, reason: `${words}, and ${gainMin} is what another file is worth` };
  }
  return { chosen: best, reason: `${words} and loses ${best.loss.meanNats.toFixed(4)} nats` };
}

function score({ speed }: Candidate): number {
  return speed === undefined ? 0 : scoreOf(speed);
}
