/**
 * Lengths of the code of each symbol (RFC 7541, appendix B). The code is canonical: codes of one length follow each other in
 * the order of their symbols, so that the lengths are all there is to know. The last symbol ends a string.
 */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const symbolOfEnd = 256;
const lengthMax = 30;
const paddingBitsMax = 7;

/** The code as what a reader of bits needs: for each length its first code, and the symbols in order. */
interface CanonicalCode {
  readonly firstCode: readonly number[];
  readonly firstIndex: readonly number[];
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

/** Reads strings of HPACK's Huffman code. */
export class HuffmanDecoder {
  readonly #code: CanonicalCode = canonicalCode();

  /** The string as bytes of latin1; undefined when the bytes are no such code. */
  decode(bytes: Uint8Array): string | undefined {
    let text = '';
    let code = 0;
    let length = 0;
    for (const byte of bytes) {
      for (let bit = 7; bit >= 0; bit--) {
        code = code * 2 + ((byte >> bit) & 1);
        length++;
        const symbol = this.#symbol(code, length);
        if (symbol === undefined) {
          if (length >= lengthMax) return undefined;
          continue;
        }
        if (symbol === symbolOfEnd) return undefined;
        text += String.fromCharCode(symbol);
        code = 0;
        length = 0;
      }
    }
    // What is left is padding: the beginning of the end's code, ones only (RFC 7541, 5.2).
    return length <= paddingBitsMax && code === 2 ** length - 1 ? text : undefined;
  }

  #symbol(code: number, length: number): number | undefined {
    const { firstCode, firstIndex, counts, symbols } = this.#code;
    const at = code - (firstCode[length] ?? 0);
    return at >= 0 && at < (counts[length] ?? 0)
      ? symbols[(firstIndex[length] ?? 0) + at]
      : undefined;
  }
}

function canonicalCode(): CanonicalCode {
  const symbols = lengths
    .map((_, symbol) => symbol)
    .toSorted((one, other) => (lengths[one] as number) - (lengths[other] as number) || one - other);
  const counts = Array.from<number>({ length: lengthMax + 1 }).fill(0);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  const firstCode = [0];
  const firstIndex = [0];
  for (let length = 1; length <= lengthMax; length++) {
    const before = counts[length - 1] ?? 0;
    firstCode.push(((firstCode[length - 1] ?? 0) + before) * 2);
    firstIndex.push((firstIndex[length - 1] ?? 0) + before);
  }
  return { firstCode, firstIndex, counts, symbols };
}
