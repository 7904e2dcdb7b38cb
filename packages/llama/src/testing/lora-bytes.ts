/** Which weight a made adapter changes: its name in a GGUF file, and its columns and rows. */
export interface LoraTarget {
  readonly name: string;
  readonly columns: number;
  readonly rows: number;
}

const rank = 2;
const alignment = 32;
const floatKind = 6;
const stringKind = 8;
/** ggml's id of 32-bit numbers (ggml.h, enum ggml_type). */
const f32 = 0;

/** A LoRA adapter as a GGUF file: `values` by turns in both of its factors (docs/gguf.md of ggml). */
export function loraBytes(target: LoraTarget, values: readonly number[]): Buffer {
  const { name, columns, rows } = target;
  const factors = [
    { name: `${name}.lora_a`, shape: [columns, rank] },
    { name: `${name}.lora_b`, shape: [rank, rows] },
  ] as const;
  const keys = [
    key('general.type', 'adapter'),
    key('general.architecture', 'llama'),
    key('adapter.type', 'lora'),
    key('adapter.lora.alpha', rank),
  ];
  let offset = 0;
  const entries = factors.map(({ name: factor, shape }) => {
    const entry = Buffer.concat([
      text(factor),
      uint32(shape.length),
      ...shape.map((size) => uint64(size)),
      uint32(f32),
      uint64(offset),
    ]);
    offset += aligned(shape[0] * shape[1] * 4);
    return entry;
  });
  const counts = [uint64(factors.length), uint64(keys.length)];
  const head = Buffer.concat([Buffer.from('GGUF'), uint32(3), ...counts, ...keys, ...entries]);
  const numbers = factors.map(({ shape }) => floats(shape[0] * shape[1], values));
  return Buffer.concat([padded(head), ...numbers.map(padded)]);
}

function floats(count: number, values: readonly number[]): Buffer {
  const numbers = Float32Array.from({ length: count }, (_, at) => values[at % values.length] ?? 0);
  return Buffer.from(numbers.buffer);
}

function key(name: string, value: string | number): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([text(name), uint32(stringKind), text(value)]);
  const number = Buffer.alloc(4);
  number.writeFloatLE(value);
  return Buffer.concat([text(name), uint32(floatKind), number]);
}

function text(value: string): Buffer {
  return Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function aligned(byteLength: number): number {
  return Math.ceil(byteLength / alignment) * alignment;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
}
