import { skipPlainModule } from './skip-plain.ts';

/** As much of it as is used here: Node's types leave it out. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface RoomExports {
  readonly room: { readonly buffer: ArrayBuffer };
  readonly skip: (from: number, end: number) => number;
}

/** Memory that texts are copied into, to be looked through by sixteen bytes a step. */
export class ScanRoom {
  readonly bytes: Buffer;
  /**
   * The first byte from `from` on, before `end`, at which a string's plain bytes end: a quote, a backslash or a control
   * character; where there is none, one of the last fifteen bytes before the end.
   */
  readonly skipPlain: (from: number, end: number) => number;

  private constructor({ room, skip }: RoomExports) {
    this.bytes = Buffer.from(room.buffer);
    this.skipPlain = skip;
  }

  /** Undefined where the process may not reserve the address space that such memory takes. */
  static open(): ScanRoom | undefined {
    try {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(skipPlainModule));
      return new ScanRoom(instance.exports as RoomExports);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** Copies a text into the room; false where it is too long. */
  take(text: Uint8Array): boolean {
    if (text.length > this.bytes.length) return false;
    this.bytes.set(text);
    return true;
  }
}
