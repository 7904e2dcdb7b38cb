import { carriageReturn, equalsText, lineFeed, space, targetBytes, tokenBytes } from './bytes.ts';
import { type FieldBounds, FieldParser, type Progress } from './field-parser.ts';
import { Framing } from './framing.ts';
import type { RefusalReason } from './refusal.ts';

/** Most that a request's head may have. */
export interface RequestHeadBounds extends FieldBounds {
  readonly targetBytesMax: number;
}

/** The methods that are taken. */
export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** A method that is taken. */
export type Method = (typeof methods)[number];

const methodBytesMax = 32;
const version = 'HTTP/1.1';
const versionMajorAt = 5;
const versionMinorAt = 7;
const slash = 0x2f;
const asterisk = 0x2a;

const inMethod = 0;
const inTarget = 1;
const inVersion = 2;
const beforeCarriageReturn = 3;
const beforeLineFeed = 4;
const inFields = 5;

/**
 * Reads the head of a request, however it is cut into pieces, and refuses whatever two readers could read in two ways.
 * Hot path: once a byte of every head. Nothing is allocated until `done`; offsets count from the `base` of the message.
 */
export class RequestParser {
  readonly fields: FieldParser;
  readonly framing: Framing = new Framing();
  method: Method = 'GET';
  /** Where the target stands: path and query, an address without its host, or an asterisk. */
  targetStart = 0;
  targetEnd = 0;
  isHttp10 = false;
  refusal: RefusalReason | undefined;
  readonly #bounds: RequestHeadBounds;
  #state = inMethod;
  #at = 0;
  #versionStart = 0;

  constructor(bounds: RequestHeadBounds) {
    this.#bounds = bounds;
    this.fields = new FieldParser(bounds);
  }

  /** Bytes of the head, its empty line included, when it is done. */
  get length(): number {
    return this.fields.at;
  }

  /** Whether the connection may be used again after this request. */
  get isKeptAlive(): boolean {
    return !this.isHttp10 && !this.framing.saysClose;
  }

  /** Begins the next head. */
  reset(): void {
    this.#state = inMethod;
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
    return progress === 'more' ? 'more' : this.#finish(bytes, base);
  }

  #step(bytes: Uint8Array, base: number, end: number): RefusalReason | undefined {
    switch (this.#state) {
      case inMethod:
        return this.#readMethod(bytes, base, end);
      case inTarget:
        return this.#readTarget(bytes, base, end);
      case inVersion:
        return this.#readVersion(bytes, base);
      case beforeCarriageReturn:
        return this.#expect(bytes[base + this.#at] === carriageReturn, 'version-invalid');
      case beforeLineFeed:
      default:
        this.fields.reset(this.#at + 1);
        return this.#expect(bytes[base + this.#at] === lineFeed, 'bare-carriage-return');
    }
  }

  #expect(isThere: boolean, otherwise: RefusalReason): RefusalReason | undefined {
    if (!isThere) return otherwise;
    this.#at++;
    this.#state++;
    return undefined;
  }

  #readMethod(bytes: Uint8Array, base: number, end: number): RefusalReason | undefined {
    let at = base + this.#at;
    while (at < end && tokenBytes[bytes[at] as number] !== 0) at++;
    this.#at = at - base;
    if (this.#at > methodBytesMax) return 'method-invalid';
    if (at === end) return undefined;
    if (bytes[at] !== space || this.#at === 0) return 'method-invalid';
    const method = methodAt(bytes, base, this.#at);
    // HTTP/2 begins with a method of its own, so that readers of HTTP/1 see that they cannot read it.
    if (method === undefined)
      return this.#at === 3 && isText(bytes, base, 'PRI') ? 'version-unknown' : 'method-unknown';
    this.method = method;
    this.#at++;
    this.targetStart = this.#at;
    this.#state = inTarget;
    return undefined;
  }

  #readTarget(bytes: Uint8Array, base: number, end: number): RefusalReason | undefined {
    const limit = base + this.targetStart + this.#bounds.targetBytesMax;
    let at = base + this.#at;
    const until = Math.min(end, limit + 1);
    while (at < until && targetBytes[bytes[at] as number] === 1) at++;
    this.#at = at - base;
    if (at > limit) return 'target-too-long';
    if (at === end) return undefined;
    if (bytes[at] !== space) return 'target-invalid';
    this.targetEnd = this.#at;
    this.#at++;
    this.#versionStart = this.#at;
    this.#state = inVersion;
    return undefined;
  }

  #readVersion(bytes: Uint8Array, base: number): RefusalReason | undefined {
    const position = this.#at - this.#versionStart;
    const byte = bytes[base + this.#at] as number;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (position === versionMajorAt || position === versionMinorAt) {
      if (!isDigit) return 'version-invalid';
      if (position === versionMajorAt && byte !== 0x31) return 'version-unknown';
      if (byte > 0x31) return 'version-unknown';
      this.isHttp10 = byte === 0x30;
    } else if (byte !== version.charCodeAt(position)) return 'version-invalid';
    this.#at++;
    if (position === versionMinorAt) this.#state = beforeCarriageReturn;
    return undefined;
  }

  #finish(bytes: Uint8Array, base: number): Progress {
    const { framing } = this;
    const refusal = framing.read(this.fields, bytes, base);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (!framing.hasHost && !this.isHttp10) return this.#refuse('host-missing');
    if (framing.isChunked && this.isHttp10) return this.#refuse('transfer-encoding-in-1.0');
    // HTTP/1.0 knows no expectation: whoever sends one gets no 100.
    if (this.isHttp10) framing.expectsContinue = false;
    return this.#takeTarget(bytes, base) ? 'done' : this.#refuse('target-invalid');
  }

  /** A path; an asterisk for OPTIONS; an address whose host is that of `host`, of which the path is kept. */
  #takeTarget(bytes: Uint8Array, base: number): boolean {
    const start = base + this.targetStart;
    const first = bytes[start];
    if (first === slash) return true;
    if (first === asterisk)
      return this.method === 'OPTIONS' && this.targetEnd === this.targetStart + 1;
    const scheme = ['http://', 'https://'].find((one) => equalsText(bytes, start, one));
    const { hasHost, hostStart, hostEnd } = this.framing;
    if (scheme === undefined || !hasHost) return false;
    const hostLength = hostEnd - hostStart;
    for (let at = 0; at < hostLength; at++)
      if (lower(bytes[start + scheme.length + at]) !== lower(bytes[hostStart + at])) return false;
    const pathStart = this.targetStart + scheme.length + hostLength;
    if (bytes[base + pathStart] !== slash) return false;
    this.targetStart = pathStart;
    return true;
  }

  #refuse(reason: RefusalReason | undefined): Progress {
    this.refusal = reason;
    return 'refused';
  }
}

function methodAt(bytes: Uint8Array, start: number, length: number): Method | undefined {
  for (let index = 0; index < methods.length; index++) {
    const method = methods[index] as Method;
    if (method.length === length && isText(bytes, start, method)) return method;
  }
  return undefined;
}

function isText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let at = 0; at < text.length; at++)
    if (bytes[start + at] !== text.charCodeAt(at)) return false;
  return true;
}

function lower(byte: number | undefined): number {
  return byte === undefined ? -1 : byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
