import type { PrefixChain } from '../prefix-index/prefix-hasher.ts';
import { mix } from '../prefix-index/prefix-hasher.ts';

/** A chain whose blocks have the names given, each after those before it, without hashing a prompt. */
export function chainOf(names: readonly number[]): PrefixChain {
  const words = new Uint32Array(2 * names.length);
  let [low, high] = [0x51ed270b, 0x3c6ef372];
  for (const [block, name] of names.entries()) {
    low = mix(name ^ low);
    high = mix(name ^ high);
    words[2 * block] = low;
    words[2 * block + 1] = high;
  }
  return { words, first: 0, blockCount: names.length };
}
