import { fieldBlock } from '../http1/field-block.ts';
import type { Progress } from '../http1/field-parser.ts';
import { KnownHead, type ReadHead, type SharedHeads } from '../http1/known-head.ts';
import type { HeaderBlock } from '../messages/header-block.ts';

/** A parser of heads. */
interface HeadParser extends ReadHead {
  reset(): void;
  parse(bytes: Uint8Array, base: number, end: number): Progress;
}

const noBytes = Buffer.alloc(0);

/** Reads a head out of pieces: out of the piece itself where it is whole in it, out of a copy of all pieces otherwise. */
export class HeadReader<Parser extends HeadParser> {
  readonly parser: Parser;
  /** Where the head stands that is done, and what follows it. */
  bytes: Buffer = noBytes;
  base = 0;
  end = 0;
  /** Whether the head is the one before it, but for the length of its body. */
  isKnown = false;
  readonly #known: KnownHead;
  #isBegun = false;

  /** `heads` are those that several connections bring. */
  constructor(parser: Parser, heads: SharedHeads) {
    this.parser = parser;
    this.#known = new KnownHead(heads);
    parser.reset();
  }

  /** Whether a part of a head has come. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** Where the bytes behind the head begin. */
  get bodyStart(): number {
    return this.base + this.parser.length;
  }

  /** The fields of a head that is done. They stand for as long as somebody has them. */
  headers(): HeaderBlock {
    const known = this.isKnown ? this.#known.headers : undefined;
    return known ?? fieldBlock(this.parser, this.bytes, this.base);
  }

  /** Takes a piece; it is kept as it is only until the next. */
  take(piece: Buffer, start: number, end: number): Progress {
    if (this.#isBegun) {
      this.bytes = Buffer.concat([this.bytes, piece.subarray(start, end)]);
      this.base = 0;
      this.end = this.bytes.length;
    } else {
      this.bytes = piece;
      this.base = start;
      this.end = end;
      this.isKnown = this.#known.isAt(this.parser, piece, [start, end]);
      if (this.isKnown) return 'done';
    }
    const progress = this.parser.parse(this.bytes, this.base, this.end);
    if (progress === 'done') this.#known.keep(this.parser, this.bytes, this.base);
    if (progress !== 'more') return progress;
    if (!this.#isBegun) this.bytes = Buffer.from(piece.subarray(start, end));
    this.#isBegun ||= end > start;
    return 'more';
  }

  /** Begins the next head. */
  reset(): void {
    this.parser.reset();
    this.#isBegun = false;
    this.isKnown = false;
  }
}
