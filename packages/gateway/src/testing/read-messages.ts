import { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import { fieldBlock } from '../http1/field-block.ts';
import type { RefusalReason } from '../http1/refusal.ts';
import { RequestParser } from '../http1/request-parser.ts';
import { ResponseParser } from '../http1/response-parser.ts';

/** Bounds small enough to be met. */
export const testHeadBounds = { targetBytesMax: 200, fieldsMax: 20, fieldBytesMax: 1000 };

/** A message as the codec reads it. */
export interface ReadMessage {
  /** Method and target, or status. */
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** What the codec made of bytes: whole messages, and what stopped it. */
export interface ReadMessages {
  readonly messages: readonly ReadMessage[];
  /** Undefined: the bytes ended, between messages or in one. */
  readonly refusal: RefusalReason | undefined;
  readonly isClosed: boolean;
}

interface BodyRead {
  readonly body: string;
  readonly at: number;
  readonly refusal?: RefusalReason | undefined;
}

/** Reads requests from one connection, which brings these bytes in pieces cut at `cuts`. */
export function readRequests(bytes: Buffer, cuts: readonly number[] = []): ReadMessages {
  const messages: ReadMessage[] = [];
  const parser = new RequestParser(testHeadBounds);
  let base = 0;
  for (;;) {
    parser.reset();
    let progress = parser.parse(bytes, base, base);
    for (const end of ends(bytes, base, cuts)) {
      progress = parser.parse(bytes, base, end);
      if (progress !== 'more') break;
    }
    if (progress === 'refused') return { messages, refusal: parser.refusal, isClosed: true };
    if (progress === 'more') return { messages, refusal: undefined, isClosed: false };
    const from = base + parser.length;
    const { isChunked, contentLength } = parser.framing;
    const headers = [...fieldBlock(parser, bytes, base)];
    const target = bytes.toString('latin1', base + parser.targetStart, base + parser.targetEnd);
    const { isKeptAlive, method } = parser;
    const read = isChunked
      ? readChunked(bytes, from, cuts)
      : readLength(bytes, from, Math.max(0, contentLength));
    if (read === undefined) return { messages, refusal: undefined, isClosed: false };
    if (read.refusal !== undefined) return { messages, refusal: read.refusal, isClosed: true };
    messages.push({ start: `${method} ${target}`, headers, body: read.body });
    base = read.at;
    if (!isKeptAlive) return { messages, refusal: undefined, isClosed: true };
  }
}

/** Reads one answer to a GET from a connection that is closed at its end. */
export function readAnswer(bytes: Buffer, cuts: readonly number[] = []): ReadMessages {
  const parser = new ResponseParser(testHeadBounds);
  let base = 0;
  for (;;) {
    parser.reset();
    let progress = parser.parse(bytes, base, base);
    for (const end of ends(bytes, base, cuts)) {
      progress = parser.parse(bytes, base, end);
      if (progress !== 'more') break;
    }
    if (progress === 'refused') return { messages: [], refusal: parser.refusal, isClosed: true };
    if (progress === 'more') return { messages: [], refusal: undefined, isClosed: false };
    const from = base + parser.length;
    const { status } = parser;
    base = from;
    if (status < 200) continue;
    const headers = [...fieldBlock(parser, bytes, base - parser.length)];
    const read = readAnswerBody(parser, bytes, { from, cuts });
    if (read === undefined) return { messages: [], refusal: undefined, isClosed: false };
    const { refusal } = read;
    const messages =
      refusal === undefined ? [{ start: `${status}`, headers, body: read.body }] : [];
    return { messages, refusal, isClosed: true };
  }
}

function readAnswerBody(
  parser: ResponseParser,
  bytes: Buffer,
  { from, cuts }: { readonly from: number; readonly cuts: readonly number[] },
): BodyRead | undefined {
  switch (parser.bodyFraming(false)) {
    case 'none':
      return readLength(bytes, from, 0);
    case 'length':
      return readLength(bytes, from, parser.framing.contentLength);
    case 'chunked':
      return readChunked(bytes, from, cuts);
    case 'until-close':
      return readLength(bytes, from, bytes.length - from);
  }
}

function readLength(bytes: Buffer, from: number, length: number): BodyRead | undefined {
  const at = from + length;
  return at > bytes.length ? undefined : { body: bytes.toString('latin1', from, at), at };
}

function readChunked(bytes: Buffer, from: number, cuts: readonly number[]): BodyRead | undefined {
  const decoder = new ChunkedDecoder();
  decoder.reset();
  let body = '';
  let at = from;
  for (const end of ends(bytes, from, cuts)) {
    // Each piece is memory of its own, as reads are.
    const piece = Buffer.from(bytes.subarray(at, end));
    decoder.at = 0;
    let step = decoder.step(piece, piece.length);
    while (step === 'bytes') {
      body += piece.toString('latin1', decoder.bytesStart, decoder.bytesEnd);
      step = decoder.step(piece, piece.length);
    }
    if (step === 'refused') return { body, at: end, refusal: decoder.refusal };
    if (step === 'done') return { body, at: at + decoder.at };
    at = end;
  }
  return undefined;
}

function ends(bytes: Buffer, from: number, cuts: readonly number[]): readonly number[] {
  const inside = cuts.filter((cut) => cut > from && cut < bytes.length);
  return [...inside.toSorted((one, other) => one - other), bytes.length];
}
