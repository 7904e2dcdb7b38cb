/** Types of frames (RFC 9113, 6). */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames. */
export const frameFlags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** The head of a frame. */
export interface FrameHead {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Who is told what a parser finds. */
export interface FrameSink {
  /** A frame begins; its head's nine bytes count to it. */
  onFrame(frame: FrameHead): void;
  /** Bytes of the payload of a DATA frame, padding taken off. */
  onData(frame: FrameHead, bytes: Uint8Array): void;
  onDataSkipped(frame: FrameHead, count: number): void;
  /** Any other frame with all of its payload; undefined when not all of it was captured. */
  onWhole(frame: FrameHead, payload: Uint8Array | undefined): void;
  onDataEnd(frame: FrameHead): void;
  onLost(): void;
}

const headBytes = 9;
const prefaceBytes = 24;
const payloadBytesMax = 65_536;
const frameBytesMax = 16_777_215;

/** One direction of an HTTP/2 connection, in pieces of any size. */
export class FrameParser {
  readonly #sink: FrameSink;
  #prefaceLeft: number;
  #head = new Uint8Array(headBytes);
  #headLength = 0;
  #frame: FrameHead | undefined;
  #left = 0;
  #padding = 0;
  #hasPadLength = false;
  #payload: Uint8Array[] = [];
  #isWhole = true;
  #isLost: boolean;

  constructor(
    sink: FrameSink,
    options: { readonly hasPreface: boolean; readonly isMidway: boolean },
  ) {
    this.#sink = sink;
    this.#prefaceLeft = options.hasPreface ? prefaceBytes : 0;
    this.#isLost = options.isMidway;
  }

  /** Bytes were lost: frames are found again where an operation begins with some. */
  lose(): void {
    if (this.#frame !== undefined && this.#frame.type !== frameTypes.data)
      this.#sink.onWhole(this.#frame, undefined);
    this.#isLost = true;
    this.#prefaceLeft = 0;
    this.#frame = undefined;
    this.#headLength = 0;
  }

  beginOperation(bytes: Uint8Array): void {
    if (this.#isLost && looksLikeFrames(bytes)) this.#isLost = false;
  }

  feed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#isLost) {
      if (this.#prefaceLeft > 0) {
        const count = Math.min(this.#prefaceLeft, bytes.length - at);
        this.#prefaceLeft -= count;
        at += count;
      } else if (this.#frame === undefined) {
        this.#head[this.#headLength++] = bytes[at++] as number;
        if (this.#headLength === headBytes) this.#beginFrame();
      } else {
        const end = Math.min(bytes.length, at + this.#left);
        this.#takePayload(this.#frame, bytes.subarray(at, end));
        at = end;
      }
    }
  }

  /** Bytes passed that were not captured. */
  skip(count: number): void {
    const frame = this.#frame;
    if (this.#isLost) return;
    if (frame === undefined || count > this.#left || this.#prefaceLeft > 0) {
      this.lose();
      this.#sink.onLost();
      return;
    }
    this.#left -= count;
    if (frame.type === frameTypes.data) this.#sink.onDataSkipped(frame, count);
    else this.#isWhole = false;
    if (this.#left === 0) this.#endFrame(frame);
  }

  #beginFrame(): void {
    const frame = readFrameHead(this.#head, 0);
    this.#headLength = 0;
    this.#frame = frame;
    this.#left = frame.length;
    this.#payload = [];
    this.#isWhole = true;
    this.#padding = 0;
    this.#hasPadLength = frame.type === frameTypes.data && (frame.flags & frameFlags.padded) !== 0;
    this.#sink.onFrame(frame);
    if (frame.length === 0) this.#endFrame(frame);
  }

  #takePayload(frame: FrameHead, piece: Uint8Array): void {
    this.#left -= piece.length;
    if (frame.type === frameTypes.data) this.#takeData(frame, piece);
    else if (frame.length <= payloadBytesMax) this.#payload.push(Uint8Array.from(piece));
    else this.#isWhole = false;
    if (this.#left === 0) this.#endFrame(frame);
  }

  #takeData(frame: FrameHead, piece: Uint8Array): void {
    let bytes = piece;
    if (this.#hasPadLength) {
      this.#hasPadLength = false;
      this.#padding = bytes[0] as number;
      bytes = bytes.subarray(1);
    }
    // Padding is the last part of the frame: what is left after this piece, and what of this piece belongs to it.
    const paddingHere = Math.max(0, Math.min(bytes.length, this.#padding - this.#left));
    const data = bytes.subarray(0, bytes.length - paddingHere);
    if (data.length > 0) this.#sink.onData(frame, data);
  }

  #endFrame(frame: FrameHead): void {
    this.#frame = undefined;
    if (frame.type === frameTypes.data) this.#sink.onDataEnd(frame);
    else this.#sink.onWhole(frame, this.#isWhole ? Buffer.concat(this.#payload) : undefined);
  }
}

/** Whether bytes begin with frames: heads that follow one another, each as RFC 9113 allows it. */
export function looksLikeFrames(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + headBytes <= bytes.length) {
    if (!isPlausible(readFrameHead(bytes, at), bytes[at + 5] as number)) return false;
    at += headBytes + readFrameHead(bytes, at).length;
  }
  return at > 0;
}

function isPlausible(frame: FrameHead, streamByte: number): boolean {
  if (frame.type > frameTypes.continuation || (streamByte & 0x80) !== 0) return false;
  if (frame.length > frameBytesMax) return false;
  const isOfConnection =
    frame.type === frameTypes.settings ||
    frame.type === frameTypes.ping ||
    frame.type === frameTypes.goAway;
  if (frame.type === frameTypes.windowUpdate) return frame.length === 4;
  if (isOfConnection !== (frame.streamId === 0)) return false;
  if (frame.type === frameTypes.ping) return frame.length === 8;
  if (frame.type === frameTypes.reset) return frame.length === 4;
  if (frame.type === frameTypes.settings) return frame.length % 6 === 0 && frame.length <= 600;
  return true;
}

function readFrameHead(bytes: Uint8Array, at: number): FrameHead {
  const byte = (index: number): number => bytes[at + index] as number;
  return {
    length: byte(0) * 65_536 + byte(1) * 256 + byte(2),
    type: byte(3),
    flags: byte(4),
    streamId: (byte(5) & 0x7f) * 16_777_216 + byte(6) * 65_536 + byte(7) * 256 + byte(8),
  };
}
