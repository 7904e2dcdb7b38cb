import {
  carriageReturn,
  equals,
  hexValues,
  lineFeed,
  quote,
  semicolon,
  tokenBytes,
  valueBytes,
} from './bytes.ts';
import { FieldParser, numbersPerField } from './field-parser.ts';
import type { RefusalReason } from './refusal.ts';

/** What a step of decoding found: bytes of the body, its end, that more must come, or that it is refused. */
export type ChunkStep = 'bytes' | 'done' | 'more' | 'refused';

/** Digits of a chunk's size: enough for any, and few enough that a number holds it exactly. */
const sizeDigitsMax = 12;
/** Bytes of all extensions of a body: nobody uses them, and without a bound they carry work for nothing. */
const extensionBytesMax = 4096;
const trailerBounds = { fieldsMax: 16, fieldBytesMax: 8192 };
const backslash = 0x5c;

const inSize = 0;
const inExtensionName = 1;
const beforeExtensionValue = 2;
const inExtensionToken = 3;
const inExtensionText = 4;
const afterExtensionText = 5;
const beforeSizeLineFeed = 6;
const inBytes = 7;
const afterBytes = 8;
const beforeBytesLineFeed = 9;
const inTrailers = 10;
const isDone = 11;
const noBytes = Buffer.alloc(0);

/**
 * Takes chunked coding off a body, however it is cut into pieces. Trailers are read, bounded and dropped.
 * Hot path: once a chunk. Nothing is allocated but, once, a parser of trailers for the decoder of a connection.
 */
export class ChunkedDecoder {
  /** Where the next step begins. */
  at = 0;
  /** Bytes of the body that a step found. */
  bytesStart = 0;
  bytesEnd = 0;
  refusal: RefusalReason | undefined;
  #state = inSize;
  #size = 0;
  #digitCount = 0;
  #nameLength = 0;
  #extensionBytes = 0;
  readonly #trailers = new FieldParser(trailerBounds);
  #trailerBytes = noBytes;

  /** Begins a body. */
  reset(): void {
    this.#state = inSize;
    this.#size = 0;
    this.#digitCount = 0;
    this.#extensionBytes = 0;
    this.refusal = undefined;
  }

  /** Goes on at `at`; after `bytes` and for as long as nothing else is answered, call it again. */
  step(bytes: Buffer, end: number): ChunkStep {
    while (this.at < end) {
      if (this.#state === inBytes) return this.#takeBytes(end);
      if (this.#state === inTrailers) return this.#takeTrailers(bytes, end);
      const byte = bytes[this.at] as number;
      const refusal = this.#state <= beforeSizeLineFeed ? this.#inLine(byte) : this.#inEnd(byte);
      if (refusal !== undefined) return this.#refuse(refusal);
      this.at++;
    }
    return 'more';
  }

  #takeBytes(end: number): ChunkStep {
    const length = Math.min(this.#size, end - this.at);
    this.bytesStart = this.at;
    this.at += length;
    this.bytesEnd = this.at;
    this.#size -= length;
    if (this.#size === 0) this.#state = afterBytes;
    return 'bytes';
  }

  #inLine(byte: number): RefusalReason | undefined {
    if (this.#state === inSize) return this.#inSize(byte);
    if (this.#state === beforeSizeLineFeed) {
      if (byte !== lineFeed) return 'bare-carriage-return';
      this.#state = this.#size === 0 ? inTrailers : inBytes;
      if (this.#size === 0) this.#beginTrailers();
      return undefined;
    }
    if (byte === lineFeed) return 'bare-line-feed';
    if (++this.#extensionBytes > extensionBytesMax) return 'chunk-extensions-too-large';
    return this.#inExtension(byte) ? undefined : 'chunk-extension-invalid';
  }

  #inSize(byte: number): RefusalReason | undefined {
    const digit = hexValues[byte] as number;
    if (digit !== 255) {
      if (++this.#digitCount > sizeDigitsMax) return 'chunk-size-too-large';
      this.#size = this.#size * 16 + digit;
      return undefined;
    }
    if (byte === lineFeed) return 'bare-line-feed';
    if (this.#digitCount === 0) return 'chunk-size-invalid';
    return this.#endPart(byte) ? undefined : 'chunk-size-invalid';
  }

  /** `;name`, `;name=token` or `;name="text"`; answers whether it may be so. */
  #inExtension(byte: number): boolean {
    switch (this.#state) {
      case inExtensionName:
      case inExtensionToken:
        return this.#inExtensionWord(byte);
      case beforeExtensionValue:
        this.#state = byte === quote ? inExtensionText : inExtensionToken;
        this.#nameLength = 1;
        return byte === quote || tokenBytes[byte] !== 0;
      case inExtensionText:
        if (byte === quote) this.#state = afterExtensionText;
        return valueBytes[byte] === 1 && byte !== backslash;
      default:
        return this.#endPart(byte);
    }
  }

  #inExtensionWord(byte: number): boolean {
    if (tokenBytes[byte] !== 0) {
      this.#nameLength++;
      return true;
    }
    if (this.#nameLength === 0) return false;
    if (this.#state === inExtensionToken || byte !== equals) return this.#endPart(byte);
    this.#state = beforeExtensionValue;
    return true;
  }

  /** What may follow a size or an extension: another extension, or the end of the line. */
  #endPart(byte: number): boolean {
    this.#nameLength = 0;
    if (byte === semicolon) this.#state = inExtensionName;
    else if (byte === carriageReturn) this.#state = beforeSizeLineFeed;
    else return false;
    return true;
  }

  #inEnd(byte: number): RefusalReason | undefined {
    if (this.#state === afterBytes) {
      this.#state = beforeBytesLineFeed;
      return byte === carriageReturn ? undefined : 'chunk-not-ended';
    }
    this.#state = inSize;
    this.#digitCount = 0;
    return byte === lineFeed ? undefined : 'chunk-not-ended';
  }

  #beginTrailers(): void {
    this.#trailers.reset(0);
    this.#trailerBytes = noBytes;
  }

  #takeTrailers(bytes: Buffer, end: number): ChunkStep {
    // There are none, nearly always: then nothing is copied.
    const isFirst = this.#trailerBytes.length === 0;
    const seen = this.#trailerBytes.length;
    if (!isFirst)
      this.#trailerBytes = Buffer.concat([this.#trailerBytes, bytes.subarray(this.at, end)]);
    const [all, base, allEnd] = isFirst
      ? [bytes, this.at, end]
      : [this.#trailerBytes, 0, this.#trailerBytes.length];
    const progress = this.#trailers.parse(all, base, allEnd);
    if (progress === 'refused') return this.#refuse(trailerRefusal(this.#trailers.refusal));
    if (this.#namesFraming()) return this.#refuse('trailer-invalid');
    if (progress === 'more') {
      if (isFirst) this.#trailerBytes = Buffer.from(bytes.subarray(this.at, end));
      this.at = end;
      return 'more';
    }
    this.at += this.#trailers.at - seen;
    this.#state = isDone;
    return 'done';
  }

  /** Of the headers that a parser knows, none means anything behind a body. */
  #namesFraming(): boolean {
    const { numbers, count } = this.#trailers;
    for (let index = 0; index < count; index++)
      if (numbers[index * numbersPerField + 4] !== 0) return true;
    return false;
  }

  #refuse(reason: RefusalReason): ChunkStep {
    this.refusal = reason;
    return 'refused';
  }
}

function trailerRefusal(reason: RefusalReason | undefined): RefusalReason {
  const isTooLarge = reason === 'fields-too-large' || reason === 'too-many-fields';
  return isTooLarge ? 'trailers-too-large' : (reason ?? 'trailer-invalid');
}
