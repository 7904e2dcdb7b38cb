// Hot path: `endIn` once an event of every stream. Nothing is allocated there.
import { scanBounds } from '../options.ts';
import { isEscapeLetter, isHexDigit, JsonCursor } from '../scan/json-cursor.ts';
import { choiceNames, deltaNames, eventNames } from './event-names.ts';

/** An event that is longer, or has more values that may differ, is made no pattern of. */
const patternBytesMax = 4096;
const spotsMax = 64;
const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const openBracket = 0x5b;

/** What may stand in a spot. */
const textSpot = 0;
const contentSpot = 1;
const numberSpot = 2;

/**
 * What is alike in the events of a stream that say nothing but content: the line of one of them but for the values of its
 * strings and numbers, which may be any. Of an event that told nothing else, one that is as its
 * pattern tells nothing else either: what is told hangs on names and on values' kinds.
 */
export class EventPattern {
  /** Whether the event that was found last has content. */
  hasContent = false;
  readonly #line: Uint8Array;
  /** The line by words of four, from each of its first four bytes on. */
  readonly #words: readonly Int32Array[];
  /** The first byte of each value that may differ, the one behind it, and what it is. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #kinds: Uint8Array;
  /** Of numbers and texts with escapes, what is alike may end within a part that is to be read as one. */
  readonly #isReread: Uint8Array;
  /** It has content that is no string. */
  readonly #isFilled: boolean;

  private constructor(line: Buffer, spots: SpotFinder) {
    this.#line = Uint8Array.from(line);
    this.#words = [0, 1, 2, 3].map((from) => wordsFrom(this.#line, from));
    this.#starts = Int32Array.from(spots.starts);
    this.#ends = Int32Array.from(spots.ends);
    this.#kinds = Uint8Array.from(spots.kinds);
    this.#isReread = this.#kinds.map((kind, spot) => {
      const text = line.subarray(spots.starts[spot], spots.ends[spot]);
      return kind === numberSpot || text.includes(backslash) ? 1 : 0;
    });
    this.#isFilled = spots.isFilled;
  }

  /** The pattern of a line with an event from `start` to `end` that is JSON; its line feed is the last byte. */
  static of(line: Buffer, start: number, end: number): EventPattern | undefined {
    if (line.length > patternBytesMax) return undefined;
    const spots = new SpotFinder(line, start, end);
    return spots.find() ? new EventPattern(line, spots) : undefined;
  }

  /** Where a line ends, its line feed included, that begins at `start` and is as the pattern; -1 where none is. */
  endIn(bytes: Uint8Array, start: number): number {
    lastView.turnTo(bytes);
    const { length } = this.#line;
    const spotCount = this.#kinds.length;
    let hasContent = this.#isFilled;
    let spot = 0;
    let at = start;
    for (let own = 0; ; spot++) {
      const count = this.#countAlike(bytes, at, own);
      own += count;
      at += count;
      for (; spot < spotCount && (this.#ends[spot] as number) < own; spot++)
        if (this.#isFilledContent(spot)) hasContent = true;
      if (own === length) break;
      if (spot === spotCount || own < (this.#starts[spot] as number)) return -1;
      const from = at - own + (this.#starts[spot] as number);
      at = this.#valueEnd(bytes, spot, this.#isReread[spot] === 1 ? from : at);
      if (at === -1) return -1;
      if (this.#kinds[spot] === contentSpot && at > from) hasContent = true;
      own = this.#ends[spot] as number;
    }
    this.hasContent = hasContent;
    return at;
  }

  #valueEnd(bytes: Uint8Array, spot: number, from: number): number {
    return this.#kinds[spot] === numberSpot ? numberEnd(bytes, from) : textEnd(bytes, from);
  }

  #isFilledContent(spot: number): boolean {
    return (
      this.#kinds[spot] === contentSpot &&
      (this.#ends[spot] as number) > (this.#starts[spot] as number)
    );
  }

  /** How many bytes from `at` on are the line's from `own` on. */
  #countAlike(bytes: Uint8Array, at: number, own: number): number {
    const limit = Math.min(this.#line.length - own, bytes.length - at);
    const { view } = lastView;
    const offset = bytes.byteOffset + at;
    const words = this.#words[own & 3] as Int32Array;
    const first = own >> 2;
    let count = 0;
    while (
      count + 4 <= limit &&
      view.getInt32(offset + count, true) === words[first + (count >> 2)]
    )
      count += 4;
    while (count < limit && bytes[at + count] === this.#line[own + count]) count++;
    return count;
  }
}

function wordsFrom(line: Uint8Array, from: number): Int32Array {
  const bytes = line.slice(from, from + ((line.length - from) & ~3));
  return new Int32Array(bytes.buffer);
}

/** Views memory by words at any place. Reads come in the same memory, one after another: one view serves them. */
class LastView {
  view: DataView = new DataView(new ArrayBuffer(0));
  #buffer: ArrayBufferLike = this.view.buffer;

  turnTo({ buffer }: Uint8Array): void {
    if (this.#buffer === buffer) return;
    this.#buffer = buffer;
    this.view = new DataView(buffer);
  }
}

const lastView = new LastView();

/** Where the text of a string ends that begins at `from`; -1 where it does not, or is none. */
function textEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) return at;
    if (byte < 0x20) return -1;
    if (byte !== backslash) continue;
    const length = escapeLength(bytes, at + 1);
    if (length === 0) return -1;
    at += length;
  }
  return -1;
}

/** Bytes of an escape behind its backslash; 0 where it is none. */
function escapeLength(bytes: Uint8Array, from: number): number {
  const letter = bytes[from] ?? -1;
  if (letter !== 0x75) return isEscapeLetter(letter) ? 1 : 0;
  for (let at = from + 1; at <= from + 4; at++) if (!isHexDigit(bytes[at] ?? -1)) return 0;
  return 5;
}

/** Where a number ends that begins at `from`; -1 where none does. */
function numberEnd(bytes: Uint8Array, from: number): number {
  const start = bytes[from] === 0x2d ? from + 1 : from;
  const whole = bytes[start] === 0x30 ? start + 1 : digitsEnd(bytes, start);
  const fraction = whole !== -1 && bytes[whole] === 0x2e ? digitsEnd(bytes, whole + 1) : whole;
  const isLong = fraction !== -1 && ((bytes[fraction] ?? 0) | 0x20) === 0x65;
  return isLong ? exponentEnd(bytes, fraction + 1) : fraction;
}

function exponentEnd(bytes: Uint8Array, from: number): number {
  const isSigned = bytes[from] === 0x2b || bytes[from] === 0x2d;
  return digitsEnd(bytes, isSigned ? from + 1 : from);
}

/** Where digits end, of which there is one at least; -1 where there is none. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isDigit(bytes[at] as number)) at++;
  return at === from ? -1 : at;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Where in an event a value stands, as far as that decides what is read of it. */
type Place = 'event' | 'choices' | 'choice' | 'delta' | 'content' | 'text' | 'unread';

/** Finds the values of an event that may differ. */
class SpotFinder {
  /** The first byte of each, the one behind it, and what it is. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly kinds: number[] = [];
  isFilled = false;
  readonly #cursor = new JsonCursor(scanBounds.depthMax);
  #hasChoices = false;

  constructor(line: Buffer, start: number, end: number) {
    this.#cursor.reset(line, start, end);
  }

  find(): boolean {
    return this.#takeValue('event') && this.starts.length <= spotsMax;
  }

  #takeValue(place: Place): boolean {
    const first = this.#cursor.peek();
    const start = this.#cursor.position;
    if (first === openBrace) return this.#takeMembers(place);
    if (first === openBracket) {
      if (!this.#takeElements(place)) return false;
      if (place === 'content' && this.#cursor.position - start > 2) this.isFilled = true;
      return true;
    }
    if (!this.#cursor.skipValue()) return false;
    const isContent = place === 'content' || place === 'text';
    if (first === quote) this.#add(start + 1, 1, isContent ? contentSpot : textSpot);
    else if (first === 0x2d || isDigit(first)) this.#add(start, 0, numberSpot);
    return true;
  }

  #add(start: number, quotes: number, kind: number): void {
    this.starts.push(start);
    this.ends.push(this.#cursor.position - quotes);
    this.kinds.push(kind);
  }

  #takeMembers(place: Place): boolean {
    const cursor = this.#cursor;
    if (!cursor.enter()) return false;
    while (cursor.nextMember()) if (!this.#takeValue(this.#memberPlace(place))) return false;
    return cursor.problem === undefined;
  }

  #memberPlace(place: Place): Place {
    const cursor = this.#cursor;
    if (place === 'event') return eventPlaces[eventNames.indexAt(cursor)] ?? 'unread';
    if (place === 'choice') return choicePlaces[choiceNames.indexAt(cursor)] ?? 'unread';
    return place === 'delta' && deltaNames.indexAt(cursor) !== -1 ? 'content' : 'unread';
  }

  #takeElements(place: Place): boolean {
    const cursor = this.#cursor;
    if (place === 'choices') {
      // Of several, the last is read alone.
      if (this.#hasChoices) return false;
      this.#hasChoices = true;
    }
    if (!cursor.enter()) return false;
    const inner = place === 'choices' ? 'choice' : 'unread';
    while (cursor.nextElement()) if (!this.#takeValue(inner)) return false;
    return cursor.problem === undefined;
  }
}

/** Places of the members of events and choices, by the index of their names. */
const eventPlaces: readonly Place[] = ['choices'];
const choicePlaces: readonly Place[] = ['unread', 'delta', 'text'];
