/** The pieces of a GGUF file as bytes, for small files made in tests (docs/gguf.md of ggml). */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A 64-bit number. */
export function uint64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A string with its length before it. */
export function ggufString(text: string): Buffer {
  return Buffer.concat([uint64(Buffer.byteLength(text)), Buffer.from(text)]);
}

/** A key with a string or a 32-bit number. */
export function ggufKey(name: string, value: string | number): Buffer {
  const typed =
    typeof value === 'string'
      ? [uint32(stringKind), ggufString(value)]
      : [uint32(uint32Kind), uint32(value)];
  return Buffer.concat([ggufString(name), ...typed]);
}

const stringKind = 8;
const uint32Kind = 4;
const alignment = 32;
const q8Id = 8;

/** A file with one Q8_0 tensor of 64 × 2 elements, which takes 136 bytes at its end. */
export function ggufFile(keys: readonly Buffer[] = []): Buffer {
  const all = [ggufKey('general.architecture', 'llama'), ...keys];
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    uint32(3),
    uint64(1),
    uint64(all.length),
    ...all,
    ggufString('weight'),
    uint32(2),
    uint64(64),
    uint64(2),
    uint32(q8Id),
    uint64(0),
  ]);
  const padding = Buffer.alloc((alignment - (head.length % alignment)) % alignment);
  return Buffer.concat([head, padding, Buffer.alloc(136)]);
}
