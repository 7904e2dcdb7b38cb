const replacement = '\uFFFD';
const replacementBytes = 3;

/** The index of the first byte that is not UTF-8 in bytes of which some are not. */
export function firstInvalidUtf8(bytes: Buffer): number {
  // Decoding puts a replacement character where a byte is invalid; one that the text holds itself is spelt in full.
  const text = bytes.toString('utf8');
  let byteOffset = 0;
  let from = 0;
  for (;;) {
    const at = text.indexOf(replacement, from);
    if (at === -1) return bytes.length;
    byteOffset += Buffer.byteLength(text.slice(from, at));
    if (!isReplacementAt(bytes, byteOffset)) return byteOffset;
    byteOffset += replacementBytes;
    from = at + 1;
  }
}

function isReplacementAt(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
}
