// Hot path: `push` once a piece of a stream that may be continued. Whole events are not copied.
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/** What came of a piece: whole events, in the order of coming; `undefined` when one event outgrew its bound. */
export type SplitEvents = readonly Buffer[] | undefined;

/**
 * Cuts a stream of server-sent events after each empty line. What has no end yet stays here: a stream that may go on
 * elsewhere must never have shown its client half an event.
 */
export class EventSplitter {
  readonly #eventBytesMax: number;
  #rest: Buffer = nothing;

  constructor(eventBytesMax: number) {
    this.#eventBytesMax = eventBytesMax;
  }

  /** Bytes of an event that has no end yet. */
  get rest(): Buffer {
    return this.#rest;
  }

  /** The piece holds only until this returns; so do the events, but for what of them was kept from pieces before. */
  push(piece: Buffer): SplitEvents {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const events: Buffer[] = [];
    let start = 0;
    for (let end = endOfEvent(bytes, start); end !== -1; end = endOfEvent(bytes, start)) {
      events.push(bytes.subarray(start, end));
      start = end;
    }
    const rest = bytes.subarray(start);
    if (rest.length > this.#eventBytesMax) return undefined;
    this.#rest = rest.length === 0 ? nothing : Buffer.from(rest);
    return events;
  }
}

/** Where the event that begins at `start` ends, its empty line included; -1 where it has no end yet. */
function endOfEvent(bytes: Buffer, start: number): number {
  let feed = bytes.indexOf(lineFeed, start);
  while (feed !== -1) {
    const next = feed + 1;
    if (bytes[next] === lineFeed) return next + 1;
    if (bytes[next] === carriageReturn && bytes[next + 1] === lineFeed) return next + 2;
    feed = bytes.indexOf(lineFeed, next);
  }
  return -1;
}

/** The data of an event, its lines joined; `undefined` where it has none. */
export function dataOf(event: Buffer): string | undefined {
  const lines = event.toString('utf8').split(/\r?\n/);
  const found = lines.filter((line) => line.startsWith('data:'));
  if (found.length === 0) return undefined;
  return found.map((line) => line.slice('data:'.length).replace(/^ /, '')).join('\n');
}
