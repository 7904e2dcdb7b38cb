import { scanBounds } from '../options.ts';
import { FieldNames } from '../scan/field-names.ts';
import { JsonCursor } from '../scan/json-cursor.ts';

/** Tokens as the last event that tells them says; undefined where none does. */
export interface StreamUsage {
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  readonly cachedTokens: number | undefined;
}

/** A line that is longer is passed over: no event of a token is. */
const lineBytesMax = 256 * 1024;
const noBytes = Buffer.alloc(0);
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;
const openBrace = 0x7b;
const openBracket = 0x5b;
const prefix = Buffer.from('data:');
const done = Buffer.from('[DONE]');

const eventNames = new FieldNames(['choices', 'usage', 'error', 'timings']);
const choiceNames = new FieldNames(['finish_reason', 'delta', 'text']);
const deltaNames = new FieldNames([
  'content',
  'reasoning_content',
  'reasoning',
  'refusal',
  'tool_calls',
]);
const usageNames = new FieldNames(['prompt_tokens', 'completion_tokens', 'prompt_tokens_details']);
const detailNames = new FieldNames(['cached_tokens']);
const timingNames = new FieldNames(['cache_n', 'prompt_n']);

/**
 * Watches a stream of OpenAI's events as it passes, however it is cut into pieces. Hot path: once a piece of every
 * stream. Events that are whole in a piece are read in place; of one that is cut, its part is kept until the rest comes.
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
  readonly #cursor = new JsonCursor(scanBounds.depthMax);
  #partial = noBytes;
  #isTooLong = false;
  /** What the event at hand says, until it is known to be whole. */
  #hasContent = false;
  #hasError = false;
  #finish: string | undefined;
  #usage: StreamUsage | undefined;
  #timed: StreamUsage | undefined;
  /** The last that was told, as usage and by timings. */
  #usageTold: StreamUsage | undefined;
  #timedTold: StreamUsage | undefined;

  /** The last that was told; of llama.cpp, which tells timings whether usage was asked for or not, those. */
  get usage(): StreamUsage | undefined {
    const [told, timed] = [this.#usageTold, this.#timedTold];
    if (told === undefined || timed === undefined || told.cachedTokens !== undefined)
      return told ?? timed;
    return { ...told, cachedTokens: timed.cachedTokens };
  }

  /** Takes a piece; it is not kept. */
  push(piece: Buffer): void {
    let start = 0;
    for (let end = piece.indexOf(lineFeed); end !== -1; end = piece.indexOf(lineFeed, start)) {
      this.#takeLine(piece, start, end);
      start = end + 1;
    }
    if (start < piece.length) this.#keep(piece.subarray(start));
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

  #takeLine(piece: Buffer, start: number, end: number): void {
    if (this.#isTooLong) {
      this.#isTooLong = false;
      return;
    }
    if (this.#partial.length === 0) return this.#readLine(piece, start, end);
    const line = Buffer.concat([this.#partial, piece.subarray(start, end)]);
    this.#partial = noBytes;
    this.#readLine(line, 0, line.length);
  }

  #readLine(bytes: Buffer, from: number, to: number): void {
    const end = to > from && bytes[to - 1] === carriageReturn ? to - 1 : to;
    if (!holds(bytes, [from, end], prefix)) return;
    const afterColon = from + prefix.length;
    const start = bytes[afterColon] === 0x20 ? afterColon + 1 : afterColon;
    if (end - start === done.length && holds(bytes, [start, end], done)) this.isDone = true;
    else if (end > start) this.#readEvent(bytes, start, end);
  }

  #readEvent(bytes: Buffer, start: number, end: number): void {
    const cursor = this.#cursor;
    this.#hasContent = false;
    this.#hasError = false;
    this.#finish = undefined;
    this.#usage = undefined;
    this.#timed = undefined;
    cursor.reset(bytes, start, end);
    const isRead = cursor.peek() === openBrace ? this.#readMembers() : cursor.skipValue();
    const isWhole = isRead && cursor.problem === undefined && cursor.peek() === -1;
    cursor.release();
    if (!isWhole) {
      this.unreadEvents++;
      return;
    }
    if (this.#hasContent) this.contentEvents++;
    if (this.#hasError) this.errorEvents++;
    this.finishReason = this.#finish ?? this.finishReason;
    this.#usageTold = this.#usage ?? this.#usageTold;
    this.#timedTold = this.#timed ?? this.#timedTold;
  }

  #readMembers(): boolean {
    const cursor = this.#cursor;
    cursor.enter();
    while (cursor.nextMember()) {
      const index = eventNames.indexAt(cursor);
      const first = cursor.peek();
      if (index === 0 && first === openBracket) this.#readChoices();
      else if (index === 1 && first === openBrace) this.#readUsage();
      else if (index === 3 && first === openBrace) this.#readTimings();
      else {
        if (index === 2) this.#hasError = first !== 0x6e;
        if (!cursor.skipValue()) return false;
      }
    }
    return cursor.problem === undefined;
  }

  #readChoices(): void {
    const cursor = this.#cursor;
    this.#hasContent = false;
    this.#finish = undefined;
    cursor.enter();
    while (cursor.nextElement()) {
      if (cursor.peek() === openBrace) this.#readChoice();
      else cursor.skipValue();
    }
  }

  #readChoice(): void {
    const cursor = this.#cursor;
    cursor.enter();
    while (cursor.nextMember()) {
      const index = choiceNames.indexAt(cursor);
      const first = cursor.peek();
      const start = cursor.position;
      if (index === 1 && first === openBrace) {
        this.#readDelta();
        continue;
      }
      if (!cursor.skipValue()) return;
      if (first !== quote) continue;
      if (index === 0) this.#finish = JSON.parse(this.#textFrom(start)) as string;
      else if (index === 2 && cursor.position - start > 2) this.#hasContent = true;
    }
  }

  #readDelta(): void {
    const cursor = this.#cursor;
    cursor.enter();
    while (cursor.nextMember()) {
      const index = deltaNames.indexAt(cursor);
      const first = cursor.peek();
      const start = cursor.position;
      if (!cursor.skipValue()) return;
      const isFilled = cursor.position - start > 2 && (first === quote || first === openBracket);
      if (index !== -1 && isFilled) this.#hasContent = true;
    }
  }

  #readUsage(): void {
    const cursor = this.#cursor;
    let promptTokens: number | undefined;
    let completionTokens: number | undefined;
    let cachedTokens: number | undefined;
    cursor.enter();
    while (cursor.nextMember()) {
      const index = usageNames.indexAt(cursor);
      if (index === 2 && cursor.peek() === openBrace) cachedTokens = this.#readDetails();
      else {
        const value = this.#number();
        if (index === 0) promptTokens = value;
        else if (index === 1) completionTokens = value;
      }
    }
    this.#usage = { promptTokens, completionTokens, cachedTokens };
  }

  #readDetails(): number | undefined {
    const cursor = this.#cursor;
    let cachedTokens: number | undefined;
    cursor.enter();
    while (cursor.nextMember()) {
      const isWanted = detailNames.indexAt(cursor) === 0;
      const value = this.#number();
      if (isWanted) cachedTokens = value;
    }
    return cachedTokens;
  }

  #readTimings(): void {
    const cursor = this.#cursor;
    let cachedTokens: number | undefined;
    let computedTokens: number | undefined;
    cursor.enter();
    while (cursor.nextMember()) {
      const index = timingNames.indexAt(cursor);
      const value = this.#number();
      if (index === 0) cachedTokens = value;
      else if (index === 1) computedTokens = value;
    }
    if (cachedTokens === undefined || computedTokens === undefined) return;
    const promptTokens = cachedTokens + computedTokens;
    this.#timed = { promptTokens, completionTokens: undefined, cachedTokens };
  }

  /** Steps over a value; its number, if it is one. */
  #number(): number | undefined {
    const cursor = this.#cursor;
    const first = cursor.peek();
    const start = cursor.position;
    if (!cursor.skipValue()) return undefined;
    const isNumber = first === 0x2d || (first >= 0x30 && first <= 0x39);
    return isNumber ? Number(this.#textFrom(start)) : undefined;
  }

  #textFrom(start: number): string {
    const { bytes, position } = this.#cursor;
    return Buffer.from(bytes.subarray(start, position)).toString('utf8');
  }
}

function holds(bytes: Buffer, [start, end]: readonly [number, number], text: Buffer): boolean {
  if (end - start < text.length) return false;
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false;
  return true;
}
