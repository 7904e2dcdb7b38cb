import type { Socket } from 'node:net';
import { carriageReturn, lineFeed } from '../http1/bytes.ts';
import { MemoryViews } from './memory-views.ts';
import { LentMemory } from './spare-memory.ts';

/** Room for what is written in one turn of the loop. */
const outputBytes = 64 * 1024;
/** Up to so many characters, writing them one by one costs less than the call that writes them all. */
const shortTextMax = 10;
/** Of a chunk that is as long as the room: its size in five digits, and two ends of lines. */
const chunkFramingBytes = 9;
const hexDigits = Buffer.from('0123456789abcdef');

/** Memory in which writes are put together, one connection after another. */
export class SharedOutput {
  views: MemoryViews = new MemoryViews(outputBytes);
  length = 0;
  writer: SocketWriter | undefined;

  get bytes(): Buffer {
    return this.views.memory;
  }

  /** The kernel has not taken all of it: what is left keeps this memory, and others get their own. */
  giveAway(): void {
    this.views = new MemoryViews(outputBytes);
  }
}

/**
 * Puts what goes to a socket together in shared memory, so that it is one write, and one call of the system, however
 * many parts it has. Hot path: once a piece of every answer. Whoever writes flushes before the loop goes on.
 */
export class SocketWriter {
  readonly #socket: Socket;
  readonly #output: SharedOutput;
  /** TLS takes what it is given only later, always. */
  readonly #isLate: boolean;

  constructor(socket: Socket, output: SharedOutput) {
    this.#socket = socket;
    this.#output = output;
    this.#isLate = 'encrypted' in socket;
  }

  /** Writes text in which every character is a byte. */
  text(text: string): void {
    const { length } = text;
    if (length > outputBytes) return this.bytes(Buffer.from(text, 'latin1'));
    const output = this.#open(length);
    const { bytes, length: at } = output;
    output.length = at + length;
    putText(bytes, at, text);
  }

  /** Writes a header's line: its start up to the value, the value, in which every character is a byte, and its end. */
  line(start: Buffer, value: string): void {
    const length = start.length + value.length + 2;
    if (length > outputBytes) {
      this.bytes(start);
      this.text(value);
      return this.text('\r\n');
    }
    const output = this.#open(length);
    const { bytes, length: at } = output;
    output.length = at + length;
    bytes.set(start, at);
    putText(bytes, at + start.length, value);
    bytes[at + length - 2] = carriageReturn;
    bytes[at + length - 1] = lineFeed;
  }

  /** Writes bytes; they may change as soon as this returns. */
  bytes(bytes: Buffer): void {
    const { length } = bytes;
    if (length > outputBytes) return this.range(bytes, 0, length);
    const output = this.#open(length);
    // Of all ways to copy, this costs least: a third of a copy between two offsets, and less than a loop from 8 bytes on.
    output.bytes.set(bytes, output.length);
    output.length += length;
  }

  /** Writes bytes as a chunk of a body (RFC 9112, 7.1), of none nothing; they may change as soon as this returns. */
  chunk(bytes: Buffer): void {
    const { length } = bytes;
    if (length === 0) return;
    if (length > outputBytes - chunkFramingBytes) {
      this.text(`${length.toString(16)}\r\n`);
      this.range(bytes, 0, length);
      return this.text('\r\n');
    }
    const output = this.#open(length + chunkFramingBytes);
    const start = putChunkSize(output.bytes, output.length, length);
    output.bytes.set(bytes, start);
    const end = start + length;
    output.bytes[end] = carriageReturn;
    output.bytes[end + 1] = lineFeed;
    output.length = end + 2;
  }

  /** Writes a part of bytes; they may change as soon as this returns. */
  range(bytes: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end) {
      const output = this.#open(Math.min(end - from, outputBytes));
      const copied = bytes.copy(output.bytes, output.length, from, end);
      output.length += copied;
      from += copied;
    }
  }

  /** Writes bytes that stay as they are until they are sent: long ones are not copied. Lent memory is held meanwhile. */
  ownedBytes(bytes: Buffer): void {
    if (bytes.length <= outputBytes - this.#open(0).length) return this.bytes(bytes);
    const before = this.#copyOfOpen();
    const socket = this.#socket;
    if (!socket.writable) return;
    const { buffer } = bytes;
    socket.cork();
    if (before.length > 0) socket.write(before);
    if (buffer instanceof LentMemory) {
      buffer.hold();
      // It is called in any case: when all has gone, or the socket has.
      socket.write(bytes, () => buffer.letGo());
    } else socket.write(bytes);
    socket.uncork();
  }

  /** Takes what waits out of the shared memory, which goes on to others. */
  #copyOfOpen(): Buffer {
    const output = this.#output;
    const bytes = Buffer.from(output.bytes.subarray(0, output.length));
    output.length = 0;
    output.writer = undefined;
    return bytes;
  }

  /** Sends what was written. False: the other side is slow; the socket's `drain` tells when it has caught up. */
  flush(): boolean {
    const output = this.#output;
    const socket = this.#socket;
    if (output.writer !== this || output.length === 0) return !socket.writableNeedDrain;
    const bytes = output.views.of(0, output.length);
    output.length = 0;
    output.writer = undefined;
    if (!socket.writable) return true;
    if (this.#isLate || socket.connecting || socket.writableLength > 0)
      return socket.write(Buffer.from(bytes));
    const isTaken = socket.write(bytes);
    if (socket.writableLength > 0) output.giveAway();
    return isTaken;
  }

  #open(length: number): SharedOutput {
    const output = this.#output;
    if (output.writer !== this) {
      output.writer?.flush();
      output.writer = this;
    }
    if (output.length + length > outputBytes) {
      this.flush();
      output.writer = this;
    }
    return output;
  }
}

function putText(bytes: Buffer, start: number, text: string): void {
  if (text.length > shortTextMax) bytes.write(text, start, 'latin1');
  else for (let at = 0; at < text.length; at++) bytes[start + at] = text.charCodeAt(at);
}

/** Puts the line of a chunk's size; answers where the chunk begins. */
function putChunkSize(bytes: Buffer, at: number, size: number): number {
  const end = at + ((35 - Math.clz32(size)) >> 2);
  let rest = size;
  for (let digit = end - 1; digit >= at; digit--) {
    bytes[digit] = hexDigits[rest & 15] as number;
    rest >>>= 4;
  }
  bytes[end] = carriageReturn;
  bytes[end + 1] = lineFeed;
  return end + 2;
}
