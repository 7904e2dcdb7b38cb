import { assert } from '@millrace/stdx';
import { mix, type PrefixChain } from './prefix-hasher.ts';

/** The 64-bit name of a block, in two halves. */
export interface BlockKey {
  readonly low: number;
  readonly high: number;
}

/** What stands before the first block of a prompt. Prompts with different salts (a model, an adapter) share nothing. */
export function rootKey(salt: number): BlockKey {
  const low = mix(salt ^ 0x746f6b73);
  return { low, high: mix(low + 0x9e3779b9) };
}

/** The name of a block of tokens after another. */
export function keyAfter(parent: BlockKey, tokens: Int32Array): BlockKey {
  let { low, high } = parent;
  for (const token of tokens) {
    low = Math.imul(low ^ token, 0x2c1b3c6d);
    low = (((low << 13) | (low >>> 19)) + high) | 0;
    high = Math.imul(high ^ low, 0x297a2d39);
    high = ((high << 17) | (high >>> 15)) ^ token;
  }
  low = mix(low + Math.imul(high, 0x85157af5));
  return { low, high: mix(high ^ low) };
}

/** The whole blocks of a prompt whose tokens are known, named as an engine's events name them here. */
export function tokenChain(tokens: Int32Array, blockSize: number, salt: number): PrefixChain {
  assert(blockSize > 0, `blocks of ${blockSize} tokens`);
  const blockCount = Math.floor(tokens.length / blockSize);
  const words = new Uint32Array(2 * blockCount);
  let key = rootKey(salt);
  for (let block = 0; block < blockCount; block++) {
    key = keyAfter(key, tokens.subarray(block * blockSize, (block + 1) * blockSize));
    words[2 * block] = key.low;
    words[2 * block + 1] = key.high;
  }
  return { words, first: 0, blockCount };
}
