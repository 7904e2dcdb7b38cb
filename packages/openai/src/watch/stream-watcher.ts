import { type StreamUsage, EventReader } from './event-reader.ts';
import type { EventPattern } from './event-pattern.ts';
import { EventPatterns } from './event-patterns.ts';

/** A line that is longer is passed over: no event of a token is. */
const lineBytesMax = 256 * 1024;
const noBytes = Buffer.alloc(0);
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const prefix = Buffer.from('data:');
const done = Buffer.from('[DONE]');

/** One for all streams: an event is read in one turn, and what it says is taken over at once. */
const reader = new EventReader();
/** What is kept here decides how fast an event is read, not what is read of it. */
const sharedPatterns = new EventPatterns();

/**
 * Watches a stream of OpenAI's events as it passes, however it is cut into pieces. Hot path: once a piece of every
 * stream. Events that are whole in a piece are read in place; of one that is cut, its part is kept until the rest comes.
 * An event that is as others were, but for its values, is only compared with them.
 */
export class StreamWatcher {
  /** Events that carried a part of an answer: a token each, for most engines. */
  contentEvents = 0;
  errorEvents = 0;
  /** Events that are no JSON, or too long to look into. */
  unreadEvents = 0;
  /** The last that was told. */
  finishReason: string | undefined;
  /** The event came that ends a stream. */
  isDone = false;
  readonly #patterns: EventPatterns;
  #pattern: EventPattern | undefined;
  /** Events in a row that were as no pattern. */
  #missCount = 0;
  #partial = noBytes;
  #isTooLong = false;
  /** The last that was told, as usage and by timings. */
  #usageTold: StreamUsage | undefined;
  #timedTold: StreamUsage | undefined;

  constructor(patterns: EventPatterns = sharedPatterns) {
    this.#patterns = patterns;
  }

  /** The last that was told; of llama.cpp, which tells timings whether usage was asked for or not, those. */
  get usage(): StreamUsage | undefined {
    const [told, timed] = [this.#usageTold, this.#timedTold];
    if (told === undefined || timed === undefined || told.cachedTokens !== undefined)
      return told ?? timed;
    return { ...told, cachedTokens: timed.cachedTokens };
  }

  /** Takes a piece; it is not kept. */
  push(piece: Buffer): void {
    const { length } = piece;
    let start = this.#partial.length > 0 || this.#isTooLong ? this.#endCutLine(piece) : 0;
    while (start < length) {
      // The empty line between two events.
      if (piece[start] === lineFeed) start++;
      else {
        const end = this.#compare(piece, start);
        start = end === -1 ? this.#takeLine(piece, start) : end;
      }
    }
  }

  /** Takes the rest of a line that was cut; answers where the next begins. */
  #endCutLine(piece: Buffer): number {
    const end = piece.indexOf(lineFeed) + 1;
    if (end === 0) this.#keep(piece);
    else if (this.#isTooLong) this.#isTooLong = false;
    else {
      const line = Buffer.concat([this.#partial, piece.subarray(0, end)]);
      this.#partial = noBytes;
      if (this.#compare(line, 0) === -1) this.#readLine(line, 0, line.length - 1);
    }
    return end === 0 ? piece.length : end;
  }

  /** Takes a line, or what there is of it; answers where the next begins. */
  #takeLine(piece: Buffer, start: number): number {
    const end = piece.indexOf(lineFeed, start);
    if (end === -1) {
      this.#keep(piece.subarray(start));
      return piece.length;
    }
    this.#readLine(piece, start, end);
    return end + 1;
  }

  #keep(rest: Buffer): void {
    if (this.#isTooLong) return;
    this.#partial =
      this.#partial.length === 0 ? Buffer.from(rest) : Buffer.concat([this.#partial, rest]);
    if (this.#partial.length <= lineBytesMax) return;
    this.#partial = noBytes;
    this.#isTooLong = true;
    this.unreadEvents++;
  }

  /** Where the line ends that begins at `start`, if its event is as the ones before; -1 where it is to be read. */
  #compare(bytes: Buffer, start: number): number {
    const pattern = this.#pattern;
    if (pattern === undefined) return -1;
    const lineEnd = pattern.endIn(bytes, start);
    if (lineEnd === -1) return -1;
    if (pattern.hasContent) this.contentEvents++;
    this.#missCount = 0;
    return lineEnd;
  }

  /** Reads a line; its line feed is at `to`. */
  #readLine(bytes: Buffer, from: number, to: number): void {
    const end = to > from && bytes[to - 1] === carriageReturn ? to - 1 : to;
    if (!holds(bytes, [from, end], prefix)) return;
    const afterColon = from + prefix.length;
    const start = bytes[afterColon] === 0x20 ? afterColon + 1 : afterColon;
    if (end - start === done.length && holds(bytes, [start, end], done)) this.isDone = true;
    else if (end > start && this.#readEvent(bytes, start, end))
      this.#pattern = this.#patterns.of(bytes.subarray(from, to + 1), start - from, end - from);
  }

  /** Answers whether it is time to take an event as a pattern, and this one may be. */
  #readEvent(bytes: Buffer, start: number, end: number): boolean {
    if (!reader.read(bytes, start, end)) {
      this.unreadEvents++;
      return false;
    }
    if (reader.hasContent) this.contentEvents++;
    if (reader.hasError) this.errorEvents++;
    this.finishReason = reader.finishReason ?? this.finishReason;
    this.#usageTold = reader.usage ?? this.#usageTold;
    this.#timedTold = reader.timed ?? this.#timedTold;
    // Where events are all different, making patterns of them is given up bit by bit.
    return reader.isPlain && isPowerOfTwo(++this.#missCount);
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}

function holds(bytes: Buffer, [start, end]: readonly [number, number], text: Buffer): boolean {
  if (end - start < text.length) return false;
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false;
  return true;
}
