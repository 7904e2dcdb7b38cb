import type { PrefixChain } from '../prefix-index/prefix-hasher.ts';
import { mix } from '../prefix-index/prefix-hasher.ts';

/** A chain whose blocks have the names given, without hashing a prompt. */
export function chainOf(names: readonly number[]): PrefixChain {
  const words = new Uint32Array(2 * names.length);
  for (const [block, name] of names.entries()) {
    words[2 * block] = mix(name ^ 0x51ed270b);
    words[2 * block + 1] = mix(name ^ 0x3c6ef372);
  }
  return { words, blockCount: names.length };
}
