import { GatewayError } from '../../errors.ts';

/** A value of MessagePack. Integers beyond those that a number holds exactly are of type `bigint`. */
export type MsgpackValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly MsgpackValue[]
  | { readonly [key: string]: MsgpackValue };

/** Bounds of one message. */
export interface MsgpackBounds {
  /** Values in all, those in lists and maps included. */
  readonly valuesMax: number;
  readonly depthMax: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes one message, which is all of the bytes (github.com/msgpack/msgpack, spec.md). Keys of maps are strings; extension types are refused.
 * Throws `GATEWAY_KV_EVENT_INVALID`.
 */
export function decodeMsgpack(bytes: Uint8Array, bounds: MsgpackBounds): MsgpackValue {
  const reader = new MsgpackReader(bytes, bounds);
  const value = reader.read(0);
  if (reader.left > 0) throw invalid(`${reader.left} bytes follow the message`);
  return value;
}

class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #bounds: MsgpackBounds;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array, bounds: MsgpackBounds) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bounds = bounds;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  read(depth: number): MsgpackValue {
    if (depth > this.#bounds.depthMax) throw invalid(`it is deeper than ${this.#bounds.depthMax}`);
    if (++this.#values > this.#bounds.valuesMax)
      throw invalid(`it has more than ${this.#bounds.valuesMax} values`);
    const lead = this.#uint(1);
    if (lead <= 0x7f) return lead;
    if (lead >= 0xe0) return lead - 256;
    if (lead <= 0x8f) return this.#map(lead & 0x0f, depth);
    if (lead <= 0x9f) return this.#list(lead & 0x0f, depth);
    if (lead <= 0xbf) return this.#text(lead & 0x1f);
    return this.#readSized(lead, depth);
  }

  #readSized(lead: number, depth: number): MsgpackValue {
    if (lead <= 0xc3) return this.#constant(lead);
    if (lead >= 0xca && lead <= 0xd3) return this.#number(lead);
    if (lead >= 0xc7 && lead <= 0xd8)
      throw invalid(`byte 0x${lead.toString(16)} begins an extension`);
    if (lead <= 0xc6) return new Uint8Array(this.#take(this.#uint(2 ** (lead - 0xc4))));
    if (lead <= 0xdb) return this.#text(this.#uint(2 ** (lead - 0xd9)));
    const count = this.#uint(lead % 2 === 0 ? 2 : 4);
    return lead <= 0xdd ? this.#list(count, depth) : this.#map(count, depth);
  }

  #constant(lead: number): null | boolean {
    if (lead === 0xc0) return null;
    if (lead === 0xc1) throw invalid('byte 0xc1 begins no value');
    return lead === 0xc3;
  }

  #number(lead: number): number | bigint {
    const at = this.#at;
    switch (lead) {
      case 0xca:
        this.#take(4);
        return this.#view.getFloat32(at);
      case 0xcb:
        this.#take(8);
        return this.#view.getFloat64(at);
      case 0xcf:
        this.#take(8);
        return narrowed(this.#view.getBigUint64(at));
      case 0xd3:
        this.#take(8);
        return narrowed(this.#view.getBigInt64(at));
      default: {
        const isSigned = lead >= 0xd0;
        const byteCount = 2 ** (lead - (isSigned ? 0xd0 : 0xcc));
        const value = this.#uint(byteCount);
        const turn = 2 ** (8 * byteCount);
        return isSigned && value >= turn / 2 ? value - turn : value;
      }
    }
  }

  #list(count: number, depth: number): readonly MsgpackValue[] {
    this.#expect(count);
    return Array.from({ length: count }, () => this.read(depth + 1));
  }

  #map(count: number, depth: number): MsgpackValue {
    this.#expect(2 * count);
    const entries: [string, MsgpackValue][] = [];
    for (let entry = 0; entry < count; entry++) {
      const key = this.read(depth + 1);
      if (typeof key !== 'string') throw invalid('a key of a map is no string');
      entries.push([key, this.read(depth + 1)]);
    }
    return Object.fromEntries(entries);
  }

  /** Before room is taken for it: a list cannot have more values than there are bytes. */
  #expect(count: number): void {
    if (count > this.left) throw invalid('it ends before its last value');
  }

  #text(byteCount: number): string {
    const bytes = this.#take(byteCount);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw invalid('a string is no UTF-8', cause);
    }
  }

  #uint(byteCount: number): number {
    let value = 0;
    for (const byte of this.#take(byteCount)) value = value * 256 + byte;
    return value;
  }

  #take(byteCount: number): Uint8Array {
    if (byteCount > this.left) throw invalid('it ends before its last value');
    this.#at += byteCount;
    return this.#bytes.subarray(this.#at - byteCount, this.#at);
  }
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function invalid(why: string, cause?: unknown): GatewayError {
  return new GatewayError(`decode a KV event: ${why}`, { code: 'GATEWAY_KV_EVENT_INVALID', cause });
}
