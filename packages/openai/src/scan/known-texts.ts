interface KnownText {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Places for texts; a text has one, and takes it from the one before. */
const placeCount = 64;
/** Longer texts are not kept. */
const textBytesMax = 64;
const backslash = 0x5c;

/**
 * Texts of JSON that were read before: names of models are the same few in nearly all requests, and to find such a text by
 * its bytes costs less than to make it anew, and to hash it wherever it is looked up.
 */
export class KnownTexts {
  readonly #places: (KnownText | undefined)[] = Array.from({ length: placeCount }, () => undefined);

  /** The text of the string, quotes included, that spans `start` to `end`; it is known to be JSON. */
  read(bytes: Buffer, start: number, end: number): string {
    const length = end - start - 2;
    if (length > textBytesMax) return decoded(bytes, start, end);
    const place = placeOf(bytes, start + 1, length);
    const known = this.#places[place];
    if (known !== undefined && isAt(known.bytes, bytes, start)) return known.text;
    const text = decoded(bytes, start, end);
    this.#places[place] = { text, bytes: Uint8Array.from(bytes.subarray(start, end)) };
    return text;
  }
}

function placeOf(bytes: Buffer, first: number, length: number): number {
  let hash = length;
  for (let at = first; at < first + length; at++)
    hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
  return (hash ^ (hash >>> 12)) & (placeCount - 1);
}

/** A known text holds its quotes: none is the beginning of another. */
function isAt(known: Uint8Array, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false;
  return true;
}

/** A text of ASCII without escapes is not parsed: that would only copy it once more. */
function decoded(bytes: Buffer, start: number, end: number): string {
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at] as number;
    if (byte === backslash || byte >= 0x80)
      return JSON.parse(bytes.toString('utf8', start, end)) as string;
  }
  return bytes.toString('latin1', start + 1, end - 1);
}
