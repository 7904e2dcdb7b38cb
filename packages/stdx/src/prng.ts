/** A source of random numbers that a seed repeats. */
export interface Prng {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
}

/** A 32-bit generator with a 128-bit state (sfc32: Doty-Humphrey, PractRand), seeded by one number. Not for secrets. */
export function seededPrng(seed: number): Prng {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed >>> 0;
  let counter = Math.floor(seed / 2 ** 32) >>> 0 || 1;

  const nextUint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) nextUint32();

  const next = (): number => nextUint32() / 2 ** 32;
  return { next, below: (bound) => Math.floor(next() * bound) };
}

/** A seed from the machine's own randomness, for runs that print it. */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
