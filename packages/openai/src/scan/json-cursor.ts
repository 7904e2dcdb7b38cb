// Hot path: every byte of every request's body, and of every event of a stream. One view of long texts is made, no more.
import type { ScanRoom } from './scan-room.ts';

/** What is wrong with a text that is not JSON. */
export type JsonProblemCode =
  | 'bad_escape'
  | 'bad_number'
  | 'control_character'
  | 'nested_too_deep'
  | 'unexpected_byte'
  | 'unexpected_end';

/** Where a text stops being JSON, and what ought to stand there. */
export interface JsonProblem {
  readonly code: JsonProblemCode;
  readonly byteOffset: number;
  readonly expected: string;
}

const quote = 0x22;
const backslash = 0x5c;
const noByte = -1;
/** Strings shorter than this are read byte by byte, longer ones by words of four. */
const shortStringBytes = 16;
const noBytes = new Uint8Array(0);
const noWords = new Int32Array(0);
const literals = {
  true: Buffer.from('true'),
  false: Buffer.from('false'),
  null: Buffer.from('null'),
};

/**
 * Steps through JSON in bytes that are taken to be UTF-8, and checks its grammar to the letter without making objects.
 * Each step answers false where the text is not JSON; `problem` then says why, and the cursor is not to be used on.
 */
export class JsonCursor {
  position = 0;
  problem: JsonProblem | undefined;
  /** The range of the last member's name, its quotes included, and whether it holds no escape. */
  nameStart = 0;
  nameEnd = 0;
  nameIsPlain = true;
  #bytes: Uint8Array = noBytes;
  #end = 0;
  /** The bytes by fours, and the byte's index at which they begin; made for the first long string. */
  #words: Int32Array = noWords;
  /** Where the bytes are, if they are in a room. */
  #room: ScanRoom | undefined;
  #wordsStart = 0;
  #depth = 0;
  readonly #depthMax: number;
  /** No member or element has been read yet in the container that was entered last. */
  #isFresh = false;
  #isPlain = true;

  constructor(depthMax: number) {
    this.#depthMax = depthMax;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Sets the cursor on a text that spans `start` to `end` of `bytes`. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.position = start;
    this.#end = end;
    this.#room = undefined;
    this.#words = noWords;
    this.#depth = 0;
    this.#isFresh = false;
    this.problem = undefined;
  }

  /** Sets the cursor on a text that is the first `end` bytes of a room. */
  resetIn(room: ScanRoom, end: number): void {
    this.reset(room.bytes, 0, end);
    this.#room = room;
  }

  /** Lets go of the bytes, so that a cursor at rest keeps nothing alive. */
  release(): void {
    this.reset(noBytes, 0, 0);
  }

  /** Steps over white space, and gives the byte after it, or -1 at the end. */
  peek(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let position = this.position;
    while (position < end) {
      const byte = bytes[position] as number;
      if (byte > 0x20 || !(byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) {
        this.position = position;
        return byte;
      }
      position++;
    }
    this.position = position;
    return noByte;
  }

  /** Steps into the object or array whose bracket was peeked at; `nextMember` or `nextElement` must follow. */
  enter(): boolean {
    if (this.#depth === this.#depthMax)
      return this.#fail(this.position, 'nested_too_deep', `at most ${this.#depthMax} levels`);
    this.#depth++;
    this.position++;
    this.#isFresh = true;
    return true;
  }

  /** Steps to the value of the next member of an object; false past its end. */
  nextMember(): boolean {
    let byte = this.peek();
    if (byte === 0x7d) return this.#leave();
    if (!this.#isFresh) {
      if (byte !== 0x2c) return this.#failHere('"," or "}"');
      this.position++;
      byte = this.peek();
    }
    this.#isFresh = false;
    if (byte !== quote) return this.#failHere('the name of a field in quotes');
    this.nameStart = this.position;
    if (!this.#skipString()) return false;
    this.nameEnd = this.position;
    this.nameIsPlain = this.#isPlain;
    if (this.peek() !== 0x3a) return this.#failHere('":"');
    this.position++;
    this.peek();
    return true;
  }

  /** Steps to the next element of an array; false past its end. */
  nextElement(): boolean {
    const byte = this.peek();
    if (byte === 0x5d) return this.#leave();
    if (!this.#isFresh) {
      if (byte !== 0x2c) return this.#failHere('"," or "]"');
      this.position++;
      this.peek();
    }
    this.#isFresh = false;
    return true;
  }

  /** Steps over the value at hand, whatever it is. */
  skipValue(): boolean {
    switch (this.peek()) {
      case quote:
        return this.#skipString();
      case 0x7b:
        return this.#skipObject();
      case 0x5b:
        return this.#skipArray();
      case 0x74:
        return this.#skipLiteral(literals.true);
      case 0x66:
        return this.#skipLiteral(literals.false);
      case 0x6e:
        return this.#skipLiteral(literals.null);
      default:
        return this.#skipNumber();
    }
  }

  #skipObject(): boolean {
    if (!this.enter()) return false;
    while (this.nextMember()) if (!this.skipValue()) return false;
    return this.problem === undefined;
  }

  #skipArray(): boolean {
    if (!this.enter()) return false;
    while (this.nextElement()) if (!this.skipValue()) return false;
    return this.problem === undefined;
  }

  #skipString(): boolean {
    const bytes = this.#bytes;
    let at = this.position + 1;
    this.#isPlain = true;
    for (const shortEnd = Math.min(this.#end, at + shortStringBytes); at < shortEnd; at++) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        this.position = at + 1;
        return true;
      }
      if (byte === backslash || byte < 0x20) break;
    }
    return this.#room === undefined
      ? this.#skipLongString(at)
      : this.#skipStringInRoom(this.#room, at);
  }

  /** Skips the rest of a string, from byte `from` of its text on, by as many bytes as a room looks at. */
  #skipStringInRoom(room: ScanRoom, from: number): boolean {
    let at = from;
    for (;;) {
      at = room.skipPlain(at, this.#end);
      if (at >= this.#end || this.#bytes[at] !== backslash) return this.#skipStringEnd(at);
      const length = this.#escapeLength(at + 1);
      if (length === 0) return false;
      at += length;
    }
  }

  /** Skips the rest of a string by words, from byte `from` of its text on. */
  #skipLongString(from: number): boolean {
    if (this.#words === noWords) this.#makeWords();
    const bytes = this.#bytes;
    const words = this.#words;
    const wordCount = words.length;
    const start = this.#wordsStart;
    let at = from;
    for (;;) {
      const offset = at - start;
      let index = offset >> 2;
      if (index >= wordCount) return this.#skipStringEnd(at);
      let stops = stopsIn(withoutLowBytes(words[index] as number, offset & 3));
      if (stops === 0) index = skipFours(words, index + 1) - 1;
      while (stops === 0 && ++index < wordCount) stops = stopsIn(words[index] as number);
      if (stops === 0) return this.#skipStringEnd(start + 4 * index);
      // The lowest of the marks is true; higher ones may come from its borrow.
      at = start + 4 * index + ((31 - Math.clz32(stops & -stops)) >> 3);
      if (bytes[at] !== backslash) return this.#skipStringEnd(at);
      const length = this.#escapeLength(at + 1);
      if (length === 0) return false;
      at += length;
    }
  }

  /** Skips the rest of a string byte by byte: its quote, the last bytes of the text, or what is wrong. */
  #skipStringEnd(from: number): boolean {
    let at = from;
    while (at < this.#end) {
      const byte = this.#bytes[at] as number;
      if (byte === quote) {
        this.position = at + 1;
        return true;
      }
      if (byte < 0x20) return this.#fail(at, 'control_character', 'an escape such as "\\n"');
      const length = byte === backslash ? this.#escapeLength(at + 1) : 1;
      if (length === 0) return false;
      at += length;
    }
    return this.#fail(this.#end, 'unexpected_end', 'the closing quote');
  }

  /** Views the bytes as words: from the word in which they begin, as far as there are whole words. */
  #makeWords(): void {
    const { buffer, byteOffset } = this.#bytes;
    const aligned = byteOffset & ~3;
    this.#wordsStart = aligned - byteOffset;
    const count = (this.#end - this.#wordsStart) >> 2;
    this.#words = count > 0 ? new Int32Array(buffer, aligned, count) : noWords;
  }

  /** Bytes of an escape whose letter stands at `letterAt`, its backslash included; 0 where it is none. */
  #escapeLength(letterAt: number): number {
    this.#isPlain = false;
    const letter = letterAt < this.#end ? (this.#bytes[letterAt] as number) : noByte;
    return isEscapeLetter(letter) ? 2 : this.#longEscapeLength(letterAt, letter);
  }

  #longEscapeLength(letterAt: number, letter: number): number {
    if (letter !== 0x75) {
      const expected = 'one of "\\/bfnrt or u with four hexadecimal digits';
      return this.#failEscape(letterAt, expected);
    }
    for (let at = letterAt + 1; at <= letterAt + 4; at++) {
      if (at >= this.#end || !isHexDigit(this.#bytes[at] as number))
        return this.#failEscape(at, 'a hexadecimal digit');
    }
    return 6;
  }

  #skipLiteral(literal: Uint8Array): boolean {
    for (let index = 1; index < literal.length; index++) {
      this.position++;
      if (this.position >= this.#end || this.#bytes[this.position] !== literal[index])
        return this.#failHere('true, false or null');
    }
    this.position++;
    return true;
  }

  #skipNumber(): boolean {
    const start = this.position;
    if (this.#byteHere() === 0x2d) this.position++;
    if (this.#byteHere() === 0x30) this.position++;
    else if (!this.#skipDigits())
      return this.#failNumber(this.position === start ? 'a value' : 'a digit');
    if (this.#byteHere() === 0x2e) {
      this.position++;
      if (!this.#skipDigits()) return this.#failNumber('a digit');
    }
    if ((this.#byteHere() | 0x20) !== 0x65) return true;
    this.position++;
    const sign = this.#byteHere();
    if (sign === 0x2b || sign === 0x2d) this.position++;
    return this.#skipDigits() || this.#failNumber('a digit');
  }

  #skipDigits(): boolean {
    const start = this.position;
    for (let byte = this.#byteHere(); byte >= 0x30 && byte <= 0x39; byte = this.#byteHere())
      this.position++;
    return this.position > start;
  }

  #byteHere(): number {
    return this.position < this.#end ? (this.#bytes[this.position] as number) : noByte;
  }

  #leave(): false {
    this.position++;
    this.#depth--;
    this.#isFresh = false;
    return false;
  }

  #failNumber(expected: string): false {
    if (expected === 'a value' || this.position >= this.#end) return this.#failHere(expected);
    return this.#fail(this.position, 'bad_number', expected);
  }

  #failEscape(position: number, expected: string): 0 {
    this.#fail(position, position >= this.#end ? 'unexpected_end' : 'bad_escape', expected);
    return 0;
  }

  #failHere(expected: string): false {
    const code = this.position >= this.#end ? 'unexpected_end' : 'unexpected_byte';
    return this.#fail(this.position, code, expected);
  }

  #fail(byteOffset: number, code: JsonProblemCode, expected: string): false {
    this.problem = { code, byteOffset, expected };
    return false;
  }
}

/**
 * Marks, in the high bits of their bytes, the quotes, backslashes and control characters of a word. A byte below n
 * borrows into its high bit when n is taken from it; where bit 1 is turned over, the quote (0x22) comes to lie at 0x20,
 * next to the control characters, so that one comparison finds both.
 */
function stopsIn(word: number): number {
  const quoteOrControl = (word ^ 0x02020202) - 0x21212121;
  const isBackslash = (word ^ 0x5c5c5c5c) - 0x01010101;
  return (quoteOrControl | isBackslash) & ~word & 0x80808080;
}

/** The first four words, from this one on, in which something stops, or of which there are fewer. */
function skipFours(words: Int32Array, from: number): number {
  const last = words.length - 4;
  let index = from;
  while (index <= last) {
    const marks =
      stopsIn(words[index] as number) |
      stopsIn(words[index + 1] as number) |
      stopsIn(words[index + 2] as number) |
      stopsIn(words[index + 3] as number);
    if (marks !== 0) break;
    index += 4;
  }
  return index;
}

/** The word with as many of its first bytes, which have been read, made letters: they neither stop nor borrow. */
function withoutLowBytes(word: number, count: number): number {
  const unread = -1 << (8 * count);
  return (word & unread) | (0x61616161 & ~unread);
}

/** Whether a letter behind a backslash stands for a character by itself. */
export function isEscapeLetter(byte: number): boolean {
  // n and the quote are by far the most frequent.
  if (byte === 0x6e || byte === quote) return true;
  return byte === backslash || byte === 0x74 || byte === 0x72 || isRareEscapeLetter(byte);
}

function isRareEscapeLetter(byte: number): boolean {
  return byte === 0x2f || byte === 0x62 || byte === 0x66;
}

export function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}
