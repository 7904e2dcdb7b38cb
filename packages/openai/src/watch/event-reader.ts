import { scanBounds } from '../options.ts';
import { JsonCursor } from '../scan/json-cursor.ts';
import {
  choiceNames,
  deltaNames,
  detailNames,
  eventNames,
  timingNames,
  usageNames,
} from './event-names.ts';

/** Tokens as the last event that tells them says; undefined where none does. */
export interface StreamUsage {
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  readonly cachedTokens: number | undefined;
}

const quote = 0x22;
const openBrace = 0x7b;
const openBracket = 0x5b;

/** Reads one event of a stream after another, each of them whole. Hot path: once an event that is like no other. */
export class EventReader {
  /** What the event says that was read last. */
  hasContent = false;
  hasError = false;
  finishReason: string | undefined;
  usage: StreamUsage | undefined;
  timed: StreamUsage | undefined;
  readonly #cursor = new JsonCursor(scanBounds.depthMax);

  /** Whether it told nothing, unless content. */
  get isPlain(): boolean {
    return (
      !this.hasError &&
      this.finishReason === undefined &&
      this.usage === undefined &&
      this.timed === undefined
    );
  }

  /** Reads the event that spans `start` to `end`; answers whether it is JSON. */
  read(bytes: Buffer, start: number, end: number): boolean {
    const cursor = this.#cursor;
    this.hasContent = false;
    this.hasError = false;
    this.finishReason = undefined;
    this.usage = undefined;
    this.timed = undefined;
    cursor.reset(bytes, start, end);
    const isRead = cursor.peek() === openBrace ? this.#readMembers() : cursor.skipValue();
    const isWhole = isRead && cursor.problem === undefined && cursor.peek() === -1;
    cursor.release();
    return isWhole;
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
        if (index === 2) this.hasError = first !== 0x6e;
        if (!cursor.skipValue()) return false;
      }
    }
    return cursor.problem === undefined;
  }

  #readChoices(): void {
    const cursor = this.#cursor;
    this.hasContent = false;
    this.finishReason = undefined;
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
      if (index === 0) this.finishReason = JSON.parse(this.#textFrom(start)) as string;
      else if (index === 2 && cursor.position - start > 2) this.hasContent = true;
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
      if (index !== -1 && isFilled) this.hasContent = true;
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
    this.usage = { promptTokens, completionTokens, cachedTokens };
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
    this.timed = { promptTokens, completionTokens: undefined, cachedTokens };
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
