import type { HeaderBlock } from '../messages/header-block.ts';
import { type ParsedHead, sharedFieldBlock } from './field-block.ts';
import { lengthDigitsMax } from './framing.ts';

/** A longer head is read anew each time, lest every connection keep so much. */
const knownBytesMax = 4096;
/** Memory is taken in such steps, so that heads of nearly one length go into the same. */
const memoryStep = 256;
/** Up to so many bytes, comparing them one by one costs less than the call that compares them all. */
const shortBytesMax = 16;
const noBytes = Buffer.alloc(0);

/** Of heads that several connections bring, so many are kept; the oldest goes for the next. */
const sharedMax = 64;

/** A head that a parser has read, and how long it is. */
export interface ReadHead extends ParsedHead {
  readonly length: number;
}

/** A head that came again: its bytes, where the length of the body stands in them, and its fields. */
interface SharedHead {
  readonly bytes: Buffer;
  readonly length: number;
  readonly lengthEnd: number;
  readonly headers: HeaderBlock;
}

/** Heads that came again, for all connections that bring the same: what is looked at often is near, and there once. */
export class SharedHeads {
  readonly #byText = new Map<string, SharedHead>();

  /** The head with this text, whatever length of a body is told in it; made where there is none. */
  find(text: string, create: () => SharedHead): SharedHead {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    if (this.#byText.size >= sharedMax)
      for (const oldest of this.#byText.keys()) {
        this.#byText.delete(oldest);
        break;
      }
    const made = create();
    this.#byText.set(text, made);
    return made;
  }
}

/**
 * The head that a connection brought last, to know it again. Clients and engines say the same each time but for the length of
 * the body: such a head needs no reading, and its fields stand as they are for all messages that have them. Whether it is
 * the same is told byte by byte, so that nothing is taken that was not read and found right before. The first head of a
 * connection is not kept: many have no second.
 */
export class KnownHead {
  #bytes: Buffer = noBytes;
  /** 0: none is known. */
  #length = 0;
  /** Where the length of the body stands in it; -1: nowhere. */
  #lengthStart = -1;
  #lengthEnd = -1;
  #headers: HeaderBlock | undefined;
  #isFirst = true;
  readonly #heads: SharedHeads;

  constructor(heads: SharedHeads) {
    this.#heads = heads;
  }

  /** The fields that travel on, of a head that was known. */
  get headers(): HeaderBlock | undefined {
    return this.#headers;
  }

  /** Keeps the head that was read from `base` on. */
  keep({ framing, length }: ReadHead, bytes: Buffer, base: number): void {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#length = 0;
    if (isFirst || length > knownBytesMax) return;
    // What fields stand in that somebody may have stays as it is.
    if (this.#headers !== undefined || this.#bytes.length < length)
      this.#bytes = Buffer.allocUnsafeSlow(Math.ceil(length / memoryStep) * memoryStep);
    bytes.copy(this.#bytes, 0, base, base + length);
    this.#headers = undefined;
    this.#length = length;
    this.#lengthStart = framing.lengthStart;
    this.#lengthEnd = framing.lengthEnd;
  }

  /**
   * Whether `bytes` begin with the head that is known, but for the length of the body. If so, `head`, which has read that
   * one and none since, says what it would say of this one.
   */
  isAt(head: ReadHead, bytes: Buffer, [start, end]: readonly [number, number]): boolean {
    if (this.#length === 0) return false;
    const hasLength = this.#lengthStart !== -1;
    const prefixLength = hasLength ? this.#lengthStart : this.#length;
    if (!this.#isEqual(bytes, [start, end], [0, prefixLength])) return false;
    if (hasLength) return this.#isSameBehind(head, bytes, [start + prefixLength, end]);
    if (this.#headers === undefined) this.#share(head);
    return true;
  }

  /** Whether there is a length at `start`, and all behind it is the same. */
  #isSameBehind(head: ReadHead, bytes: Buffer, [start, end]: readonly [number, number]): boolean {
    let at = start;
    let contentLength = 0;
    for (; at < end; at++) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      contentLength = contentLength * 10 + digit;
    }
    const digits = at - start;
    if (digits === 0 || digits > lengthDigitsMax) return false;
    if (!this.#isEqual(bytes, [at, end], [this.#lengthEnd, this.#length])) return false;
    if (this.#headers === undefined) this.#share(head);
    const { fields, framing } = head;
    const shift = digits - (framing.lengthEnd - framing.lengthStart);
    if (shift !== 0 && !fields.shift(framing.lengthEnd, shift)) return false;
    framing.lengthEnd += shift;
    framing.contentLength = contentLength;
    return true;
  }

  /** What came twice is likely to come again, here and elsewhere. */
  #share(head: ReadHead): void {
    const [bytes, length, lengthEnd] = [this.#bytes, this.#length, this.#lengthEnd];
    const prefixLength = this.#lengthStart === -1 ? length : this.#lengthStart;
    const behind = this.#lengthStart === -1 ? length : lengthEnd;
    // No head has a zero byte: where its length stands is told, too.
    const text = `${bytes.toString('latin1', 0, prefixLength)}\0${bytes.toString('latin1', behind, length)}`;
    const shared = this.#heads.find(text, () => {
      const headers = sharedFieldBlock(head, bytes);
      return { bytes, length, lengthEnd, headers };
    });
    this.#bytes = shared.bytes;
    this.#length = shared.length;
    this.#lengthEnd = shared.lengthEnd;
    this.#headers = shared.headers;
  }

  /** Whether bytes begin with what stands in the known head between `from` and `to`. */
  #isEqual(
    bytes: Buffer,
    [start, end]: readonly [number, number],
    [from, to]: readonly [number, number],
  ): boolean {
    const length = to - from;
    if (end - start < length) return false;
    if (length > shortBytesMax)
      return bytes.compare(this.#bytes, from, to, start, start + length) === 0;
    const known = this.#bytes;
    for (let at = 0; at < length; at++) if (bytes[start + at] !== known[from + at]) return false;
    return true;
  }
}
