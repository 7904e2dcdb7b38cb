/** Texts up to this size are read where they are copied to; of longer ones a view is made. */
const roomBytes = 16 * 1024;

/** Memory that short texts are copied into: that costs less than a view of each by words, which is garbage afterwards. */
export class ScanRoom {
  readonly bytes: Buffer = Buffer.alloc(roomBytes);
  /** The same by fours. */
  readonly words: Int32Array = new Int32Array(
    this.bytes.buffer,
    this.bytes.byteOffset,
    roomBytes / 4,
  );

  /** Copies a text into the room; false where it is too long. */
  take(text: Uint8Array): boolean {
    if (text.length > roomBytes) return false;
    this.bytes.set(text);
    return true;
  }
}
