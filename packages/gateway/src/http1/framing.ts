import { carriageReturn, equalsText, hostBytes, space, tab, tokenBytes } from './bytes.ts';
import { type FieldParser, numbersPerField } from './field-parser.ts';
import { knownField } from './known-fields.ts';
import type { RefusalReason } from './refusal.ts';

/** More digits than any body has, and few enough that a number holds them exactly. */
export const lengthDigitsMax = 15;
const comma = 0x2c;

/** What a head says of its body and its connection. Hot path: once a head; nothing is allocated. */
export class Framing {
  /** Bytes of the body, -1 where the head does not say. */
  contentLength = -1;
  /** Where its digits stand, counted from the base; -1 where the head does not say. */
  lengthStart = -1;
  lengthEnd = -1;
  isChunked = false;
  hasHost = false;
  expectsContinue = false;
  /** What `connection` asks for. */
  saysClose = false;
  saysKeepAlive = false;
  /** `connection` names further headers, which stay here too. */
  namesFields = false;
  /** Where the value of `host` stands. */
  hostStart = 0;
  hostEnd = 0;

  /** Reads the fields of a head; answers why it is refused, if it is. */
  read(fields: FieldParser, bytes: Uint8Array, base: number): RefusalReason | undefined {
    this.contentLength = -1;
    this.lengthStart = -1;
    this.lengthEnd = -1;
    this.isChunked = false;
    this.hasHost = false;
    this.expectsContinue = false;
    this.saysClose = false;
    this.saysKeepAlive = false;
    this.namesFields = false;
    const { numbers, count } = fields;
    for (let at = 0; at < count * numbersPerField; at += numbersPerField) {
      const known = numbers[at + 4] as number;
      if (known === 0 || known > knownField.expect) continue;
      const start = base + (numbers[at + 2] as number);
      const end = base + (numbers[at + 3] as number);
      const nameEnd = base + (numbers[at + 1] as number);
      const refusal = hasTab(bytes, [nameEnd, start], end)
        ? tabRefusals[known]
        : this.#take(known, bytes, [start, end]);
      if (refusal !== undefined) return refusal;
      if (known === knownField.contentLength) {
        this.lengthStart = start - base;
        this.lengthEnd = end - base;
      }
    }
    return this.isChunked && this.contentLength !== -1
      ? 'content-length-and-transfer-encoding'
      : undefined;
  }

  #take(
    known: number,
    bytes: Uint8Array,
    [start, end]: readonly [number, number],
  ): RefusalReason | undefined {
    switch (known) {
      case knownField.contentLength:
        if (this.contentLength !== -1) return 'content-length-repeated';
        this.contentLength = wholeNumber(bytes, start, end);
        return this.contentLength === -1 ? 'content-length-invalid' : undefined;
      case knownField.transferEncoding:
        if (this.isChunked) return 'transfer-encoding-repeated';
        this.isChunked = isText(bytes, [start, end], 'chunked');
        return this.isChunked ? undefined : 'transfer-encoding-unknown';
      case knownField.host:
        if (this.hasHost) return 'host-repeated';
        this.hasHost = true;
        this.hostStart = start;
        this.hostEnd = end;
        return isHost(bytes, start, end) ? undefined : 'host-invalid';
      case knownField.expect:
        this.expectsContinue = isText(bytes, [start, end], '100-continue');
        return this.expectsContinue ? undefined : 'expectation-unknown';
      default:
        return this.#readConnection(bytes, start, end);
    }
  }

  #readConnection(bytes: Uint8Array, start: number, end: number): RefusalReason | undefined {
    for (let at = start; at <= end; at++) {
      const from = skipSpace(bytes, at, end);
      at = from;
      while (at < end && tokenBytes[bytes[at] as number] !== 0) at++;
      if (at > from) {
        const refusal = this.#takeOption(bytes, [from, at]);
        if (refusal !== undefined) return refusal;
      }
      at = skipSpace(bytes, at, end);
      if (at < end && bytes[at] !== comma) return 'connection-invalid';
    }
    return undefined;
  }

  #takeOption(bytes: Uint8Array, range: readonly [number, number]): RefusalReason | undefined {
    if (isText(bytes, range, 'close')) this.saysClose = true;
    else if (isText(bytes, range, 'keep-alive')) this.saysKeepAlive = true;
    else if (ofTheMessage.some((name) => isText(bytes, range, name))) return 'connection-invalid';
    else this.namesFields = true;
    return undefined;
  }
}

/** Headers that frame or route a message: whoever takes them off on the way changes what the message is. */
const ofTheMessage = ['host', 'content-length', 'transfer-encoding', 'expect', 'authorization'];

/** Readers do not agree whether a tab around a value that frames a body belongs to it. */
const tabRefusals: readonly (RefusalReason | undefined)[] = [
  undefined,
  'host-invalid',
  'content-length-invalid',
  'transfer-encoding-unknown',
  'connection-invalid',
  'expectation-unknown',
];

function hasTab(
  bytes: Uint8Array,
  [nameEnd, start]: readonly [number, number],
  end: number,
): boolean {
  for (let at = nameEnd; at < start; at++) if (bytes[at] === tab) return true;
  for (let at = end; bytes[at] !== carriageReturn; at++) if (bytes[at] === tab) return true;
  return false;
}

/** Digits as a number, -1 where they are anything else or too many. */
function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > lengthDigitsMax) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isHost(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false;
  for (let at = start; at < end; at++) if (hostBytes[bytes[at] as number] === 0) return false;
  return true;
}

function isText(bytes: Uint8Array, [start, end]: readonly [number, number], text: string): boolean {
  return end - start === text.length && equalsText(bytes, start, text);
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === space || bytes[at] === tab)) at++;
  return at;
}
