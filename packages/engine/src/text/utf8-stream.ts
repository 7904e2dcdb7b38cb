/**
 * Turns bytes that come in pieces into whole characters. Bytes that are not UTF-8 become U+FFFD, as the Encoding
 * standard says; a character whose end is missing is kept back until `end`.
 */
export class Utf8Stream {
  // Models write U+FEFF where they mean it; a decoder of files would drop the first.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** U+FFFD when the last character was cut off. */
  end(): string {
    return this.#decoder.decode();
  }
}
