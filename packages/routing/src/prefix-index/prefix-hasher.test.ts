import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng } from '@millrace/stdx';
import { RoutingError } from '../errors.ts';
import { PrefixHasher } from './prefix-hasher.ts';

function randomBytes(count: number, seed: number): Uint8Array {
  const random = seededPrng(seed);
  return Uint8Array.from({ length: count }, () => random.below(256));
}

function namesOf(hasher: PrefixHasher, prompt: Uint8Array, salt = 0): readonly string[] {
  const { words, blockCount } = hasher.hash(prompt, salt);
  return Array.from({ length: blockCount }, (_, at) => `${words[2 * at]}:${words[2 * at + 1]}`);
}

test('prompts share the names of exactly the whole blocks that they begin with', () => {
  const hasher = new PrefixHasher({ blockBytes: 64 });
  const one = randomBytes(64 * 10 + 5, 1);
  const other = one.slice();
  other[64 * 6 + 63] = (other[64 * 6 + 63] as number) ^ 1;
  const [names, otherNames] = [namesOf(hasher, one), namesOf(hasher, other)];
  assert.equal(names.length, 10);
  assert.deepEqual(otherNames.slice(0, 6), names.slice(0, 6));
  for (let block = 6; block < 10; block++) assert.notEqual(otherNames[block], names[block]);
});

test('a block is named by what stands before it too', () => {
  const hasher = new PrefixHasher({ blockBytes: 64 });
  const block = randomBytes(64, 2);
  const names = namesOf(hasher, Uint8Array.of(...block, ...block, ...block));
  assert.equal(new Set(names).size, 3);
});

test('salts and seeds keep prompts apart', () => {
  const prompt = randomBytes(128, 3);
  const hasher = new PrefixHasher({ blockBytes: 64 });
  const all = [
    ...namesOf(hasher, prompt),
    ...namesOf(hasher, prompt, 1),
    ...namesOf(new PrefixHasher({ blockBytes: 64, seed: 9 }), prompt),
  ];
  assert.equal(new Set(all).size, 6);
});

test('a prompt past the bound of blocks is cut', () => {
  const hasher = new PrefixHasher({ blockBytes: 64, blocksMax: 3 });
  assert.equal(hasher.hash(randomBytes(1_000, 4)).blockCount, 3);
  assert.equal(hasher.hash(randomBytes(63, 4)).blockCount, 0);
});

test('every bit flipped in a block changes about half of the bits of its name', () => {
  const hasher = new PrefixHasher({ blockBytes: 64 });
  const prompt = randomBytes(64, 5);
  const base = hasher.hash(prompt).words.slice(0, 2);
  let [flips, fewest, most] = [0, 64, 0];
  for (let bit = 0; bit < 512; bit++) {
    const changed = prompt.slice();
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    const { words } = hasher.hash(changed);
    const count =
      ones((base[0] as number) ^ (words[0] as number)) +
      ones((base[1] as number) ^ (words[1] as number));
    flips += count;
    fewest = Math.min(fewest, count);
    most = Math.max(most, count);
  }
  assert.ok(flips / 512 > 30 && flips / 512 < 34, `mean ${flips / 512} of 64`);
  assert.ok(fewest >= 14 && most <= 50, `from ${fewest} to ${most}`);
});

test('many short prompts that differ in a number have different names', () => {
  const hasher = new PrefixHasher({ blockBytes: 64 });
  const prompt = new Uint8Array(64).fill(32);
  const view = new DataView(prompt.buffer);
  const seen = new Set<number>();
  const count = 200_000;
  for (let number = 0; number < count; number++) {
    view.setUint32(20, number);
    const { words } = hasher.hash(prompt);
    // 53 bits of the 64 are enough to see a fault.
    seen.add((words[0] as number) * 2 ** 21 + ((words[1] as number) >>> 11));
  }
  assert.equal(seen.size, count);
});

test('block bytes that are no multiple of 8 are refused', () => {
  assert.throws(() => new PrefixHasher({ blockBytes: 100 }), RoutingError);
});

function ones(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}
