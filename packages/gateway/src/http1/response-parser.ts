import { carriageReturn, lineFeed, space, valueBytes } from './bytes.ts';
import { type FieldBounds, FieldParser, type Progress } from './field-parser.ts';
import { Framing } from './framing.ts';
import type { RefusalReason } from './refusal.ts';

/** Most bytes of a status line's text. */
const reasonBytesMax = 512;
const prefix = 'HTTP/1.';
const digitsAt = prefix.length + 2;

const inPrefix = 0;
const inReason = 1;
const beforeLineFeed = 2;
const inFields = 3;

/** How the body of an answer ends. */
export type AnswerFraming = 'none' | 'length' | 'chunked' | 'until-close';

/**
 * Reads the head of an answer, however it is cut into pieces. Hot path: once a byte of every head; nothing is allocated.
 */
export class ResponseParser {
  readonly fields: FieldParser;
  readonly framing: Framing = new Framing();
  status = 0;
  isHttp10 = false;
  refusal: RefusalReason | undefined;
  #state = inPrefix;
  #at = 0;
  #reasonStart = 0;

  constructor(bounds: FieldBounds) {
    this.fields = new FieldParser(bounds);
  }

  /** Bytes of the head, its empty line included, when it is done. */
  get length(): number {
    return this.fields.at;
  }

  /** Whether the connection may be used again after this answer. */
  get isKeptAlive(): boolean {
    const { saysClose, saysKeepAlive } = this.framing;
    return !saysClose && (!this.isHttp10 || saysKeepAlive);
  }

  reset(): void {
    this.#state = inPrefix;
    this.#at = 0;
    this.refusal = undefined;
  }

  /** Goes on where it stopped. `bytes` hold the message from `base` on, up to `end`. */
  parse(bytes: Uint8Array, base: number, end: number): Progress {
    while (this.#state !== inFields) {
      if (base + this.#at >= end) return 'more';
      const refusal = this.#step(bytes, base, end);
      if (refusal !== undefined) return this.#refuse(refusal);
    }
    const progress = this.fields.parse(bytes, base, end);
    if (progress === 'refused') return this.#refuse(this.fields.refusal);
    if (progress === 'more') return 'more';
    const refusal = this.framing.read(this.fields, bytes, base) ?? this.#statusRefusal();
    return refusal === undefined ? 'done' : this.#refuse(refusal);
  }

  /** How the body ends of an answer to a request that was, or was not, HEAD. */
  bodyFraming(isHead: boolean): AnswerFraming {
    const { status, framing } = this;
    if (isHead || status < 200 || status === 204 || status === 304) return 'none';
    if (framing.isChunked) return 'chunked';
    return framing.contentLength === -1 ? 'until-close' : 'length';
  }

  #step(bytes: Uint8Array, base: number, end: number): RefusalReason | undefined {
    switch (this.#state) {
      case inPrefix:
        return this.#readPrefix(bytes[base + this.#at] as number);
      case inReason:
        return this.#readReason(bytes, base, end);
      default:
        if (bytes[base + this.#at] !== lineFeed) return 'bare-carriage-return';
        this.#at++;
        this.fields.reset(this.#at);
        this.#state = inFields;
        return undefined;
    }
  }

  /** `HTTP/1.1 200`, byte for byte. */
  #readPrefix(byte: number): RefusalReason | undefined {
    const position = this.#at++;
    const digit = byte - 0x30;
    if (position < prefix.length)
      return byte === prefix.charCodeAt(position) ? undefined : 'status-line-invalid';
    if (position === prefix.length) {
      this.isHttp10 = digit === 0;
      return digit === 0 || digit === 1 ? undefined : 'version-unknown';
    }
    if (position === prefix.length + 1) return byte === space ? undefined : 'status-line-invalid';
    return this.#readDigit(digit, position - digitsAt);
  }

  #readDigit(digit: number, index: number): RefusalReason | undefined {
    if (digit < 0 || digit > 9) return 'status-invalid';
    this.status = index === 0 ? digit : this.status * 10 + digit;
    if (index < 2) return undefined;
    this.#state = inReason;
    this.#reasonStart = this.#at;
    return this.status < 100 || this.status > 599 ? 'status-invalid' : undefined;
  }

  #readReason(bytes: Uint8Array, base: number, end: number): RefusalReason | undefined {
    let at = base + this.#at;
    // The text is of no use, and some servers leave it out together with its space.
    const byte = bytes[at];
    if (this.#at === this.#reasonStart && byte !== space && byte !== carriageReturn)
      return byte === lineFeed ? 'bare-line-feed' : 'status-invalid';
    while (at < end && valueBytes[bytes[at] as number] === 1) at++;
    this.#at = at - base;
    if (this.#at - this.#reasonStart > reasonBytesMax) return 'status-line-invalid';
    if (at === end) return undefined;
    if (bytes[at] !== carriageReturn)
      return bytes[at] === lineFeed ? 'bare-line-feed' : 'status-line-invalid';
    this.#at++;
    this.#state = beforeLineFeed;
    return undefined;
  }

  #statusRefusal(): RefusalReason | undefined {
    const { status, framing, isHttp10 } = this;
    if (status < 200) return this.#interimRefusal();
    if (framing.isChunked && isHttp10) return 'transfer-encoding-in-1.0';
    return framing.isChunked && status === 204 ? 'transfer-encoding-unexpected' : undefined;
  }

  /** What comes before an answer has no body, and cannot end the connection. */
  #interimRefusal(): RefusalReason | undefined {
    const { framing } = this;
    // Nothing here asks for another protocol, and HTTP/1.0 has none of these: some readers take one for the last answer.
    if (this.status === 101 || this.isHttp10) return 'status-invalid';
    if (framing.contentLength !== -1) return 'content-length-invalid';
    if (framing.saysClose) return 'connection-invalid';
    return framing.isChunked ? 'transfer-encoding-unexpected' : undefined;
  }

  #refuse(reason: RefusalReason | undefined): Progress {
    this.refusal = reason;
    return 'refused';
  }
}
