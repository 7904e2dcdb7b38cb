import { AnswerUnreadableError } from '../errors.ts';

/** Largest event that is read, in characters. */
const eventCharactersMax = 16 * 2 ** 20;

/** Reads server-sent events from bytes that come in pieces, cut anywhere, and gives the data of each event. */
export class SseReader {
  readonly #decoder = new TextDecoder();
  #line = '';
  #data: string[] = [];
  #dataCharacters = 0;
  #endedWithReturn = false;

  /** The data of the events that these bytes make whole; throws `AnswerUnreadableError` for one that is too long. */
  push(bytes: Uint8Array): readonly string[] {
    return this.#read(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What was left when the bytes ended: servers are met that do not end their last event. */
  end(): readonly string[] {
    return this.#read(`${this.#decoder.decode()}\n\n`);
  }

  #read(text: string): readonly string[] {
    const events: string[] = [];
    let from = 0;
    // The line feed of a pair whose return came before was counted with it.
    if (this.#endedWithReturn && text.startsWith('\n')) from = 1;
    if (text.length > 0) this.#endedWithReturn = text.endsWith('\r');
    const lineEnd = /\r\n|\r|\n/g;
    lineEnd.lastIndex = from;
    for (let found = lineEnd.exec(text); found !== null; found = lineEnd.exec(text)) {
      this.#takeLine(this.#line + text.slice(from, found.index), events);
      this.#line = '';
      from = lineEnd.lastIndex;
    }
    this.#line += text.slice(from);
    if (this.#line.length + this.#dataCharacters > eventCharactersMax) {
      throw new AnswerUnreadableError(
        `read a stream of events: an event is longer than ${eventCharactersMax} characters`,
      );
    }
    return events;
  }

  #takeLine(line: string, events: string[]): void {
    if (line === '') {
      if (this.#data.length > 0) events.push(this.#data.join('\n'));
      this.#data = [];
      this.#dataCharacters = 0;
      return;
    }
    if (!line.startsWith('data')) return;
    const colon = line.indexOf(':');
    if (line.slice(0, colon === -1 ? line.length : colon) !== 'data') return;
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    this.#data.push(value);
    this.#dataCharacters += value.length;
  }
}
