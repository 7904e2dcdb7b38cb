import { latin1 } from './latin1.ts';

/** The head of a message: its start line in three parts, and its fields of `c` and `t` with lower-case names. */
export interface MessageHead {
  readonly start: readonly [string, string, string];
  readonly fields: ReadonlyMap<string, string>;
}

/** How long a message's body is. */
export type BodyLength =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' }
  /** What follows is no HTTP any more. */
  | { readonly kind: 'tunnel' };

/** Who is told what a parser finds. */
export interface MessageSink {
  /** A head is whole; answers how long the body is. */
  onHead(head: MessageHead): BodyLength;
  onBytes(count: number): void;
  onBody(bytes: Uint8Array): void;
  onBodySkipped(count: number): void;
  onEnd(): void;
  /** What follows cannot be understood until a message begins with an operation. */
  onLost(reason: 'head-too-long' | 'framing-lost'): void;
}

type State =
  | 'head'
  | 'fixed'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailers'
  | 'until-close'
  | 'tunnel'
  | 'lost';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const chunkLineBytesMax = 1024;
/** What is looked at to recognise a message. */
const startBytes = 64;
/** Fields that are asked for begin with these letters. */
const [letterC, letterT, lowerCase] = [0x63, 0x74, 0x20];
/** Digits of a chunk's size that are read without a string. */
const plainDigitsMax = 8;
const chunkStart = /^[0-9a-fA-F]{1,8}\r\n/;
const lastChunk = Buffer.from('\r\n0\r\n\r\n');
const chunkStates: ReadonlySet<State> = new Set(['chunk-size', 'chunk-data', 'chunk-end']);

/**
 * One direction of an HTTP/1.1 connection, in pieces of any size. Bytes that were not captured are skipped within a
 * body; anywhere else they lose the framing, which is found again where an operation begins with a message.
 */
export class MessageParser {
  readonly #sink: MessageSink;
  readonly #startForm: RegExp;
  readonly #headBytesMax: number;
  #state: State = 'head';
  #line = '';
  #headBytes = 0;
  #lines: string[] = [];
  #left = 0;
  /** Framing was lost within a chunked body, whose next chunk may be recognised. */
  #isLostInChunks = false;

  constructor(
    sink: MessageSink,
    options: { readonly startForm: RegExp; readonly headBytesMax: number },
  ) {
    this.#sink = sink;
    this.#startForm = options.startForm;
    this.#headBytesMax = options.headBytesMax;
  }

  get isBetweenMessages(): boolean {
    return this.#state === 'head' && this.#headBytes === 0;
  }

  get isUntilClose(): boolean {
    return this.#state === 'until-close';
  }

  /** Framing was lost in this message, even where chunks of it are recognised again: its end may have been missed. */
  get isLost(): boolean {
    return this.#state === 'lost' || this.#isLostInChunks;
  }

  get isTunnel(): boolean {
    return this.#state === 'tunnel';
  }

  /** An operation begins: where framing is lost, a message or a chunk may begin with it, because servers write them whole. */
  beginOperation(bytes: Uint8Array): void {
    if (!this.isLost) return;
    const start = latin1(bytes, 0, Math.min(bytes.length, startBytes));
    if (this.#startForm.test(start)) this.#beginHead();
    else if (this.#state === 'lost' && this.#isLostInChunks && chunkStart.test(start))
      this.#state = 'chunk-size';
  }

  /** Something was lost, or the connection was met midway. */
  lose(): void {
    if (this.#state !== 'lost') this.#isLostInChunks = chunkStates.has(this.#state);
    this.#state = 'lost';
    this.#line = '';
  }

  feed(bytes: Uint8Array): void {
    let at = 0;
    if (bytes.length > 0 && this.#state === 'lost' && this.#isLostInChunks) {
      this.#sink.onBodySkipped(bytes.length);
      if (Buffer.from(bytes.subarray(-lastChunk.length)).equals(lastChunk)) this.#endMessage();
      return;
    }
    while (at < bytes.length) {
      if (this.#state === 'lost' || this.#state === 'tunnel') return;
      at = this.#step(bytes, at);
    }
  }

  /** Bytes passed that were not captured. */
  skip(count: number): void {
    if (this.#state === 'until-close') this.#sink.onBodySkipped(count);
    else if ((this.#state === 'fixed' || this.#state === 'chunk-data') && count <= this.#left) {
      this.#left -= count;
      this.#sink.onBodySkipped(count);
      if (this.#left === 0) this.#bodyPieceEnds();
    } else if (this.#state === 'lost') {
      if (this.#isLostInChunks) this.#sink.onBodySkipped(count);
    } else if (this.#state !== 'tunnel') {
      this.#loseFraming('framing-lost');
      if (this.#isLostInChunks) this.#sink.onBodySkipped(count);
    }
  }

  #step(bytes: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'fixed':
      case 'chunk-data': {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#sink.onBody(bytes.subarray(at, end));
        if (this.#left === 0) this.#bodyPieceEnds();
        return end;
      }
      case 'until-close':
        this.#sink.onBody(bytes.subarray(at));
        return bytes.length;
      case 'head':
      case 'chunk-size':
      case 'chunk-end':
      case 'trailers':
        return this.#stepLine(bytes, at);
      case 'tunnel':
      case 'lost':
        return bytes.length;
    }
  }

  /** A chunk's end or its size, where it lies here whole and plain: the common case, without a string. Undefined otherwise. */
  #stepChunkLine(bytes: Uint8Array, at: number): number | undefined {
    if (this.#line !== '') return undefined;
    const isEnd = this.#state === 'chunk-end';
    if (!isEnd && this.#state !== 'chunk-size') return undefined;
    let [size, end] = [0, at];
    for (; !isEnd && end - at < plainDigitsMax; end++) {
      const digit = hexDigitOf(bytes[end]);
      if (digit === undefined) break;
      size = size * 16 + digit;
    }
    if (bytes[end] !== carriageReturn || bytes[end + 1] !== lineFeed) return undefined;
    if (!isEnd && end === at) return undefined;
    this.#sink.onBytes(end + 2 - at);
    if (isEnd) this.#state = 'chunk-size';
    else this.#beginChunk(size);
    return end + 2;
  }

  #stepLine(bytes: Uint8Array, at: number): number {
    const quick = this.#stepChunkLine(bytes, at);
    if (quick !== undefined) return quick;
    const found = bytes.indexOf(lineFeed, at);
    const end = found < 0 ? bytes.length : found;
    const isHead = this.#state === 'head';
    if (isHead) this.#headBytes += end - at + (found < 0 ? 0 : 1);
    else this.#sink.onBytes(end - at + (found < 0 ? 0 : 1));
    this.#line += latin1(bytes, at, end);
    const tooLong = isHead
      ? this.#headBytes > this.#headBytesMax
      : this.#line.length > chunkLineBytesMax;
    if (tooLong) {
      this.#loseFraming(isHead ? 'head-too-long' : 'framing-lost');
      return bytes.length;
    }
    if (found < 0) return bytes.length;
    const line =
      this.#line.charCodeAt(this.#line.length - 1) === carriageReturn
        ? this.#line.slice(0, -1)
        : this.#line;
    this.#line = '';
    this.#takeLine(line);
    return found + 1;
  }

  #takeLine(line: string): void {
    if (this.#state === 'head') this.#takeHeadLine(line);
    else if (this.#state === 'chunk-size') this.#takeChunkSize(line);
    else if (this.#state === 'chunk-end') {
      if (line === '') this.#state = 'chunk-size';
      else this.#loseFraming('framing-lost');
    } else if (line === '') this.#endMessage();
  }

  #takeHeadLine(line: string): void {
    if (line !== '') {
      if (this.#lines.length === 0 && !this.#startForm.test(line))
        this.#loseFraming('framing-lost');
      else if (this.#lines.length === 0 || isAskedFor(line)) this.#lines.push(line);
      return;
    }
    // Empty lines before a message are allowed (RFC 9112, 2.2).
    if (this.#lines.length === 0) {
      this.#headBytes = 0;
      return;
    }
    const head = parseHead(this.#lines);
    const headBytes = this.#headBytes;
    this.#lines = [];
    this.#headBytes = 0;
    const length = this.#sink.onHead(head);
    this.#sink.onBytes(headBytes);
    this.#beginBody(length);
  }

  #beginBody(length: BodyLength): void {
    if (length.kind === 'chunked') this.#state = 'chunk-size';
    else if (length.kind === 'until-close') this.#state = 'until-close';
    else if (length.kind === 'tunnel') {
      this.#state = 'tunnel';
      this.#sink.onEnd();
    } else if (length.bytes === 0) this.#endMessage();
    else {
      this.#state = 'fixed';
      this.#left = length.bytes;
    }
  }

  #takeChunkSize(line: string): void {
    const digits = /^[0-9a-fA-F]{1,12}(?=\s*(?:;|$))/.exec(line)?.[0];
    if (digits === undefined) {
      this.#loseFraming('framing-lost');
      return;
    }
    this.#beginChunk(Number.parseInt(digits, 16));
  }

  #beginChunk(bytes: number): void {
    this.#left = bytes;
    this.#state = bytes === 0 ? 'trailers' : 'chunk-data';
  }

  #bodyPieceEnds(): void {
    if (this.#state === 'chunk-data') this.#state = 'chunk-end';
    else this.#endMessage();
  }

  #endMessage(): void {
    this.#beginHead();
    this.#sink.onEnd();
  }

  #beginHead(): void {
    this.#state = 'head';
    this.#isLostInChunks = false;
    this.#line = '';
    this.#lines = [];
    this.#headBytes = 0;
  }

  #loseFraming(reason: 'head-too-long' | 'framing-lost'): void {
    this.lose();
    this.#sink.onLost(reason);
  }
}

function hexDigitOf(byte: number | undefined): number | undefined {
  if (byte === undefined) return undefined;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}

/** Whether a line of a head may be a field that somebody asks for: the others are not taken apart. */
function isAskedFor(line: string): boolean {
  const letter = line.charCodeAt(0) | lowerCase;
  return letter === letterC || letter === letterT;
}

function parseHead(lines: readonly string[]): MessageHead {
  const [first = '', ...others] = lines;
  const [one = '', two = '', ...rest] = first.split(' ');
  const fields = new Map<string, string>();
  for (const line of others) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { start: [one, two, rest.join(' ')], fields };
}
