import type { Progress } from '../http1/field-parser.ts';

/** A parser of heads. */
interface HeadParser {
  readonly length: number;
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
  #isBegun = false;

  constructor(parser: Parser) {
    this.parser = parser;
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
    }
    const progress = this.parser.parse(this.bytes, this.base, this.end);
    if (progress !== 'more') return progress;
    if (!this.#isBegun) this.bytes = Buffer.from(piece.subarray(start, end));
    this.#isBegun ||= end > start;
    return 'more';
  }

  /** Begins the next head. */
  reset(): void {
    this.parser.reset();
    this.#isBegun = false;
  }
}
