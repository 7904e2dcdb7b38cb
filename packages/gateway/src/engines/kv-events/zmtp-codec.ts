import { GatewayError } from '../../errors.ts';

/**
 * ZeroMQ's wire protocol, ZMTP 3.0, for a client without encryption (rfc.zeromq.org/spec/23).
 *
 *     greeting   FF 00×8 7F | 03 00 | mechanism, 20 bytes | as-server 00 | 00×31
 *     frame      flags | length: 1 byte, or 8 with LONG | body
 *     flags      01 MORE  02 LONG  04 COMMAND
 *     command    length of name, 1 byte | name | data
 *     metadata   length of name, 1 byte | name | length of value, 4 bytes | value
 */
const greetingBytes = 64;
const mechanism = 'NULL';
const flagMore = 0x01;
const flagLong = 0x02;
const flagCommand = 0x04;

/** Bounds of what a peer may send. */
export interface ZmtpBounds {
  readonly messageBytesMax: number;
  readonly framesMax: number;
}

/** What a peer sent. */
export type ZmtpItem =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'command'; readonly name: string; readonly body: Buffer }
  | { readonly kind: 'message'; readonly frames: readonly Buffer[] };

/** The first bytes of a connection. */
export function greeting(): Buffer {
  const bytes = Buffer.alloc(greetingBytes);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write(mechanism, 12, 'latin1');
  return bytes;
}

/** Says what kind of socket this is; the answer is a command of the same name. */
export function readyCommand(socketType: 'SUB' | 'DEALER'): Buffer {
  const name = Buffer.from('Socket-Type');
  const value = Buffer.from(socketType);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return commandFrame('READY', Buffer.concat([Buffer.from([name.length]), name, length, value]));
}

export function commandFrame(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name), data]);
  return frame(flagCommand, body);
}

/** A message as it is sent. */
export function messageFrames(frames: readonly Buffer[]): Buffer {
  return Buffer.concat(
    frames.map((body, at) => frame(at < frames.length - 1 ? flagMore : 0, body)),
  );
}

function frame(flags: number, body: Buffer): Buffer {
  if (body.length <= 255) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | flagLong;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}

/** Reads what a peer sends, however it is cut into pieces. Throws `GATEWAY_ZMTP_INVALID`. */
export class ZmtpReader {
  readonly #bounds: ZmtpBounds;
  #pieces: Buffer[] = [];
  #byteCount = 0;
  #hasGreeted = false;
  #frames: Buffer[] = [];
  #messageBytes = 0;

  constructor(bounds: ZmtpBounds) {
    this.#bounds = bounds;
  }

  push(piece: Buffer): readonly ZmtpItem[] {
    this.#pieces.push(piece);
    this.#byteCount += piece.length;
    const items: ZmtpItem[] = [];
    for (let item = this.#next(); item !== 'none'; item = this.#next())
      if (item !== 'frame') items.push(item);
    return items;
  }

  #next(): ZmtpItem | 'frame' | 'none' {
    if (this.#hasGreeted) return this.#nextFrame();
    const bytes = this.#peek(greetingBytes);
    if (bytes === undefined) return 'none';
    checkGreeting(bytes);
    this.#drop(greetingBytes);
    this.#hasGreeted = true;
    return { kind: 'greeting' };
  }

  #nextFrame(): ZmtpItem | 'frame' | 'none' {
    const flags = this.#peek(1)?.[0];
    if (flags === undefined) return 'none';
    if ((flags & ~(flagMore | flagLong | flagCommand)) !== 0)
      throw invalid(`a frame has the flags 0x${flags.toString(16)}`);
    const isLong = (flags & flagLong) !== 0;
    const headBytes = isLong ? 9 : 2;
    const head = this.#peek(headBytes);
    if (head === undefined) return 'none';
    const length = isLong ? Number(head.readBigUInt64BE(1)) : (head[1] as number);
    this.#checkLength(length);
    const whole = this.#peek(headBytes + length);
    if (whole === undefined) return 'none';
    const body = Buffer.from(whole.subarray(headBytes));
    this.#drop(headBytes + length);
    if ((flags & flagCommand) !== 0) return commandOf(body);
    this.#frames.push(body);
    this.#messageBytes += length;
    if ((flags & flagMore) !== 0) return 'frame';
    const frames = this.#frames;
    this.#frames = [];
    this.#messageBytes = 0;
    return { kind: 'message', frames };
  }

  #checkLength(length: number): void {
    const { messageBytesMax, framesMax } = this.#bounds;
    if (this.#messageBytes + length > messageBytesMax)
      throw invalid(`a message is larger than ${messageBytesMax} bytes`);
    if (this.#frames.length >= framesMax)
      throw invalid(`a message has more than ${framesMax} frames`);
  }

  /** The next bytes, where so many are there; joined once, not at every piece. */
  #peek(byteCount: number): Buffer | undefined {
    if (this.#byteCount < byteCount) return undefined;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= byteCount) return first.subarray(0, byteCount);
    const joined = Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined.subarray(0, byteCount);
  }

  #drop(byteCount: number): void {
    const first = this.#pieces[0] as Buffer;
    if (first.length === byteCount) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(byteCount);
    this.#byteCount -= byteCount;
  }
}

function checkGreeting(bytes: Buffer): void {
  if (bytes[0] !== 0xff || bytes[9] !== 0x7f) throw invalid('the greeting is not ZeroMQ’s');
  if ((bytes[10] as number) < 3) throw invalid(`it speaks version ${bytes[10]}; 3 is needed`);
  const named = bytes.toString('latin1', 12, 32).replace(/\0+$/, '');
  if (named !== mechanism)
    throw invalid(`it wants the security mechanism ${JSON.stringify(named)}; only NULL is spoken`);
}

function commandOf(body: Buffer): ZmtpItem {
  const nameLength = body[0] ?? 0;
  if (nameLength === 0 || nameLength >= body.length + 1) throw invalid('a command has no name');
  return {
    kind: 'command',
    name: body.toString('latin1', 1, 1 + nameLength),
    body: body.subarray(1 + nameLength),
  };
}

function invalid(why: string): GatewayError {
  return new GatewayError(`read from a ZeroMQ peer: ${why}`, { code: 'GATEWAY_ZMTP_INVALID' });
}
