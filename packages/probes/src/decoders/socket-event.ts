import { invalidEvent } from './invalid-event.ts';
import { readUint64 } from './read-uint64.ts';

/** What happened on a connection of a watched server. */
export type SocketEventKind = 'open' | 'receive' | 'send' | 'state';

/** Bytes that were captured in the middle of an operation. */
export interface MiddlePiece {
  /** Bytes of the operation before it. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** One record of the sockets probe. Times are nanoseconds of the kernel's monotonic clock. */
export interface SocketEvent {
  readonly kind: SocketEventKind;
  /** When the operation was done. */
  readonly timeNs: number;
  /** When the first byte arrived (receive), or the call began to copy (send); 0 when unknown. */
  readonly beginNs: number;
  /** The kernel's own identity of the socket. */
  readonly cookie: number;
  /** Bytes of this direction that passed before this operation; where a session of TLS opens, the cookie of its socket, or 0. */
  readonly offset: number;
  readonly tgid: number;
  readonly tid: number;
  /** Bytes, or a negative error number. */
  readonly result: number;
  /** Bytes that the caller asked for; 0 when unknown. */
  readonly requested: number;
  readonly localPort: number;
  readonly peerPort: number;
  /** The TCP state that a `state` event tells. */
  readonly state: number;
  /** The connection was there before it was watched. */
  readonly isMidway: boolean;
  /** The caller's buffer could not be found, so there are no bytes. */
  readonly lacksBuffer: boolean;
  /** The socket took less than it was given, or nothing, and waits for room. */
  readonly hasNoSpace: boolean;
  /** First bytes of the operation; valid as long as the memory decoded from. */
  readonly head: Uint8Array;
  /** Last bytes of the operation, where `head` is not all of it. */
  readonly tail: Uint8Array;
  /** Pieces between them, of which HTTP/2's frames can be made out; valid as long as they are. */
  readonly middle: readonly MiddlePiece[];
  /** Of a Unix socket the path, of which only the beginning is told. */
  readonly localAddress: string;
  readonly peerAddress: string;
  /** Such a connection has no port, and its end is not told. */
  readonly isUnix: boolean;
}

/*
 * struct socket_event of sockets.bpf.c, little endian:
 *
 *   0 time_ns   8 begin_ns  16 cookie     24 offset      32 tgid  36 tid  40 result  44 requested
 *  48 head     50 tail      52 local port 54 peer port   56 kind  57 flags 58 state  59 family
 *  60 sequence 64 local address (16)      80 peer address (16)    96 bytes of the operation
 *
 * Where a flag says so, 64 is the count of bytes of pieces of its middle, which follow its first and its last bytes:
 *
 *   0 at        4 bytes    8 the bytes, padded to 8
 */
export const socketEventHeadBytes = 96;

const kinds: readonly (SocketEventKind | undefined)[] = [
  undefined,
  'open',
  'receive',
  'send',
  'state',
];
const flagMidway = 1;
const flagNoBuffer = 2;
const flagNoSpace = 4;
const flagMiddle = 8;
const pieceHeadBytes = 8;
const familyUnix = 1;
const familyInet = 2;
/** What the record holds of a Unix socket's path. */
const pathBytes = 32;
const noBytes = new Uint8Array(0);
const nothing: readonly MiddlePiece[] = [];

/** Reads one record. Hot path: once an event; allocates the event and the views of its bytes. Throws `PROBES_EVENT_INVALID`. */
export function decodeSocketEvent(view: DataView, at: number, byteLength: number): SocketEvent {
  if (byteLength < socketEventHeadBytes)
    throw invalidEvent('socket event', `${byteLength} bytes are no event`);
  const kind = kinds[view.getUint8(at + 56)];
  if (kind === undefined)
    throw invalidEvent('socket event', `${view.getUint8(at + 56)} is no kind of event`);
  const headBytes = view.getUint16(at + 48, true);
  const tailBytes = view.getUint16(at + 50, true);
  const flags = view.getUint8(at + 57);
  const middleBytes = (flags & flagMiddle) === 0 ? 0 : view.getUint32(at + 64, true);
  const middleAt = at + socketEventHeadBytes + headBytes + tailBytes;
  if (middleAt + middleBytes > at + byteLength) {
    throw invalidEvent(
      'socket event',
      `${headBytes} + ${tailBytes} + ${middleBytes} bytes do not fit into ${byteLength}`,
    );
  }
  const payloadAt = view.byteOffset + at + socketEventHeadBytes;
  const isOpen = kind === 'open';
  const isUnix = view.getUint8(at + 59) === familyUnix;
  return {
    kind,
    timeNs: readUint64(view, at),
    beginNs: readUint64(view, at + 8),
    cookie: readUint64(view, at + 16),
    offset: readUint64(view, at + 24),
    tgid: view.getUint32(at + 32, true),
    tid: view.getUint32(at + 36, true),
    result: view.getInt32(at + 40, true),
    requested: view.getUint32(at + 44, true),
    localPort: view.getUint16(at + 52, true),
    peerPort: view.getUint16(at + 54, true),
    state: view.getUint8(at + 58),
    isMidway: (flags & flagMidway) !== 0,
    lacksBuffer: (flags & flagNoBuffer) !== 0,
    hasNoSpace: (flags & flagNoSpace) !== 0,
    head: bytesOf(view, payloadAt, headBytes),
    tail: bytesOf(view, payloadAt + headBytes, tailBytes),
    middle: middleBytes === 0 ? nothing : readMiddle(view, middleAt, middleAt + middleBytes),
    localAddress: isOpen ? readAddress(view, at + 64, view.getUint8(at + 59)) : '',
    peerAddress: isOpen && !isUnix ? readAddress(view, at + 80, view.getUint8(at + 59)) : '',
    isUnix,
  };
}

function bytesOf(view: DataView, at: number, count: number): Uint8Array {
  return count === 0 ? noBytes : new Uint8Array(view.buffer, at, count);
}

function readMiddle(view: DataView, from: number, to: number): readonly MiddlePiece[] {
  const pieces: MiddlePiece[] = [];
  for (let at = from; at < to;) {
    const count = at + pieceHeadBytes > to ? -1 : view.getUint32(at + 4, true);
    const bytesAt = at + pieceHeadBytes;
    if (count < 0 || bytesAt + count > to)
      throw invalidEvent('socket event', `a piece of its middle is cut at byte ${at - from}`);
    const bytes = bytesOf(view, view.byteOffset + bytesAt, count);
    pieces.push({ at: view.getUint32(at, true), bytes });
    at = bytesAt + Math.ceil(count / 8) * 8;
  }
  return pieces;
}

/** Of a Unix socket the path, which takes the room of both addresses; an abstract one begins with @. */
function readPath(view: DataView, at: number): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset + at, pathBytes);
  const isAbstract = bytes[0] === 0;
  const from = isAbstract ? 1 : 0;
  const end = bytes.indexOf(0, from);
  const path = bytes.toString('utf8', from, end < 0 ? pathBytes : end);
  return `${isAbstract ? '@' : ''}${path}${end < 0 ? '…' : ''}`;
}

function readAddress(view: DataView, at: number, family: number): string {
  if (family === familyUnix) return readPath(view, at);
  if (family === familyInet) {
    return [0, 1, 2, 3].map((index) => view.getUint8(at + index)).join('.');
  }
  const words = Array.from({ length: 8 }, (_, index) => view.getUint16(at + index * 2));
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xff_ff;
  if (isMapped) return readAddress(view, at + 12, familyInet);
  return words.map((word) => word.toString(16)).join(':');
}
