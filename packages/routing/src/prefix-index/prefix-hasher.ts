// As a global it is looked up at every use.
import { Buffer } from 'node:buffer';
import { type PrefixHasherOptions, resolveHasherOptions } from '../options.ts';

/** The blocks of a prompt, each named by a 64-bit hash of everything from the prompt's start to the block's end. */
export interface PrefixChain {
  /** Two words a block, from `first` on: the low and the high half of its hash. */
  readonly words: Uint32Array;
  readonly first: number;
  readonly blockCount: number;
}

/** So many bytes of a prompt are put together, in whole blocks, before they are hashed. */
const roomBytes = 64 * 1024;
/** Words that are hashed beside one another: what comes of one is not waited for by the next. */
const laneCount = 4;
/** Up to so many bytes are copied one by one: a call costs more. */
const calledBytes = 48;

/**
 * Hashes prompts block by block.
 *
 * Hot path: once a request. No allocation but the result's three fields; the words are overwritten by the next call.
 */
export class PrefixHasher {
  readonly blockBytes: number;
  readonly #blocksMax: number;
  readonly #seed: number;
  readonly #words: Uint32Array;
  /** Bytes that wait, as bytes and as words: copying them is cheaper than putting words together from bytes. */
  readonly #room: Uint32Array;
  readonly #roomAsBytes: Uint8Array;
  #waitingBytes = 0;
  #blockCount = 0;
  #low = 0;
  #high = 0;

  constructor(options: PrefixHasherOptions = {}) {
    const { blockBytes, blocksMax, seed } = resolveHasherOptions(options);
    this.blockBytes = blockBytes;
    this.#blocksMax = blocksMax;
    this.#seed = seed;
    this.#words = new Uint32Array(2 * blocksMax);
    this.#room = new Uint32Array((Math.floor(roomBytes / blockBytes) * blockBytes) / 4);
    this.#roomAsBytes = new Uint8Array(this.#room.buffer);
  }

  /** Hashes a prompt that stands in one place. */
  hash(prompt: Uint8Array, salt = 0): PrefixChain {
    this.begin(salt);
    this.add(prompt, 0, prompt.length);
    return this.finish();
  }

  /** Begins a prompt. Chains of prompts with different salts (a model, a tenant that is kept apart) have nothing in common. */
  begin(salt = 0): void {
    this.#waitingBytes = 0;
    this.#blockCount = 0;
    this.#low = mix(this.#seed ^ salt);
    this.#high = mix(this.#low + 0x9e3779b9);
  }

  /** Adds the next bytes of the prompt. Past the most blocks they are left out. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const room = this.#roomAsBytes;
    let from = start;
    while (from < end && this.#blockCount < this.#blocksMax) {
      const length = Math.min(end - from, room.length - this.#waitingBytes);
      this.#put(bytes, from, length);
      this.#waitingBytes += length;
      from += length;
      if (this.#waitingBytes === room.length) this.#hashWaiting();
    }
  }

  /** The chain of what was added since `begin`; bytes that fill no block are left out. */
  finish(): PrefixChain {
    this.#hashWaiting();
    return { words: this.#words, first: 0, blockCount: this.#blockCount };
  }

  #put(bytes: Uint8Array, from: number, length: number): void {
    const room = this.#roomAsBytes;
    let to = this.#waitingBytes;
    if (length > calledBytes) {
      // A buffer copies a part of itself without an object that stands for the part.
      if (bytes instanceof Buffer) bytes.copy(room, to, from, from + length);
      else room.set(bytes.subarray(from, from + length), to);
    } else for (let at = from; at < from + length; at++) room[to++] = bytes[at] as number;
  }

  #hashWaiting(): void {
    const whole = Math.floor(this.#waitingBytes / this.blockBytes);
    const count = Math.min(whole, this.#blocksMax - this.#blockCount);
    for (let index = 0; index < count; index++) this.#hashBlock(index);
    this.#waitingBytes = 0;
  }

  #hashBlock(index: number): void {
    const room = this.#room;
    const blockWords = this.blockBytes / 4;
    const end = (index + 1) * blockWords;
    let one = this.#low;
    let two = this.#high;
    let three = one ^ 0x9e3779b9;
    let four = two ^ 0x7f4a7c15;
    let at = index * blockWords;
    // A step is one to one in the word and in what was before it, so that no change gets lost within its lane.
    for (; at < end - laneCount + 1; at += laneCount) {
      one = Math.imul(one ^ (room[at] as number), 0x2c1b3c6d);
      two = Math.imul(two ^ (room[at + 1] as number), 0x297a2d39);
      three = Math.imul(three ^ (room[at + 2] as number), 0x1b56c4e9);
      four = Math.imul(four ^ (room[at + 3] as number), 0x3c6ef373);
      one = (one << 13) | (one >>> 19);
      two = (two << 17) | (two >>> 15);
      three = (three << 11) | (three >>> 21);
      four = (four << 15) | (four >>> 17);
    }
    if (at < end) {
      one = Math.imul(one ^ (room[at] as number), 0x2c1b3c6d);
      two = Math.imul(two ^ (room[at + 1] as number), 0x297a2d39);
    }
    // Each half is made of all lanes in its own way, so that neither alone decides which bucket and which way.
    const low = mix(
      one + Math.imul(two, 0x85157af5) + Math.imul(three, 0x68e31da5) + Math.imul(four, 0xb5297a4d),
    );
    const high = mix(
      (stir(one, 0x1b873593) + stir(two, 0xcc9e2d51)) ^
        (stir(three, 0xac4c1b51) + stir(four, 0x31848bab)),
    );
    const word = 2 * this.#blockCount++;
    this.#low = low;
    this.#high = high;
    this.#words[word] = low;
    this.#words[word + 1] = high;
  }
}

/** Spreads every bit of a word over all of it; one to one. */
export function mix(word: number): number {
  let mixed = stir(word, 0xed5ad4bb);
  mixed = Math.imul(mixed ^ (mixed >>> 11), 0xac4c1b51 | 0);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x31848bab);
  return mixed ^ (mixed >>> 14);
}

/** Spreads the bits of a word upward by an odd factor; one to one. */
function stir(word: number, factor: number): number {
  return Math.imul(word ^ (word >>> 17), factor);
}
