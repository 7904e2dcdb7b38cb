import { closeSync, fstatSync, openSync } from 'node:fs';
import { messageOf } from '@millrace/stdx';
import { ServerError } from '../errors.ts';
import { GgufReader } from './gguf-reader.ts';
import { encodingLabel, tensorEncoding } from './tensor-encoding.ts';

/** What the head of a GGUF file says. */
export interface GgufHead {
  readonly architecture: string;
  /** The quantisation of most of its weights, such as `Q4_1`. */
  readonly encoding: string;
  readonly parameterCount: number;
  readonly contextTokens: number | undefined;
  /** Keys and values of one token in f16; undefined for architectures without plain attention. */
  readonly kvBytesPerToken: number | undefined;
}

type Scalar = string | number | boolean;

interface Tensor {
  readonly dimensions: number;
  readonly elements: number;
  readonly encodingId: number;
  readonly offset: number;
}

const magic = 'GGUF';
const versions = [2, 3];
const keysMax = 65_536;
const tensorsMax = 1_048_576;
const dimensionsMax = 4;
const alignmentDefault = 32;
const kvElementBytes = 2;

/**
 * Reads the head of a GGUF file and checks that the file is as long as its tensors need. Throws
 * `SERVER_MODEL_UNREADABLE` for what is no GGUF file, is cut off, or has a head that makes no sense.
 */
export function readGgufHead(path: string): GgufHead {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw unreadable(path, messageOf(cause), cause);
  }
  try {
    return readHead(path, new GgufReader(file, fstatSync(file).size));
  } catch (cause) {
    if (cause instanceof ServerError) throw cause;
    throw unreadable(path, messageOf(cause), cause);
  } finally {
    closeSync(file);
  }
}

function readHead(path: string, reader: GgufReader): GgufHead {
  const found =
    reader.sizeBytes < magic.length ? '' : reader.bytes(magic.length).toString('latin1');
  if (found !== magic) {
    const shown = found.replaceAll(/[^ -~]/g, '?');
    throw unreadable(path, `it is not a GGUF file: it begins with "${shown}", not "${magic}"`);
  }
  const version = reader.uint32();
  if (!versions.includes(version)) {
    throw unreadable(
      path,
      `its GGUF version is ${version}; readable are ${versions.join(' and ')}`,
    );
  }
  const tensorCount = reader.count('tensors', tensorsMax);
  const keyCount = reader.count('keys', keysMax);
  const keys = new Map<string, Scalar>();
  for (let at = 0; at < keyCount; at++) {
    const key = reader.string();
    const value = reader.value();
    if (value !== undefined) keys.set(key, value);
  }
  checkWhole(path, keys);
  const tensors = Array.from({ length: tensorCount }, () => readTensor(reader));
  checkLength(path, reader, { tensors, alignment: numberOf(keys, 'general.alignment') });
  return headOf(keys, tensors);
}

function readTensor(reader: GgufReader): Tensor {
  reader.string();
  const dimensions = reader.uint32();
  if (dimensions > dimensionsMax) throw new Error(`a tensor has ${dimensions} dimensions`);
  let elements = 1;
  for (let at = 0; at < dimensions; at++) elements *= reader.uint64();
  return { dimensions, elements, encodingId: reader.uint32(), offset: reader.uint64() };
}

/** A model in several files is opened by its first, and all must be there; this cache keeps single files. */
function checkWhole(path: string, keys: ReadonlyMap<string, Scalar>): void {
  const parts = keys.get('split.count');
  if (typeof parts !== 'number' || parts <= 1) return;
  throw unreadable(
    path,
    `it is one of ${parts} files of a model that was split; join them into one (gguf-split --merge)`,
  );
}

function checkLength(
  path: string,
  reader: GgufReader,
  head: { readonly tensors: readonly Tensor[]; readonly alignment: number | undefined },
): void {
  const alignment = head.alignment ?? alignmentDefault;
  if (alignment < 1) throw new Error(`its alignment is ${alignment}`);
  const start = Math.ceil(reader.position / alignment) * alignment;
  let needed = reader.position;
  for (const { elements, encodingId, offset } of head.tensors) {
    const encoding = tensorEncoding(encodingId);
    if (encoding === undefined) continue;
    const bytes = (elements / encoding.blockElements) * encoding.blockBytes;
    needed = Math.max(needed, start + offset + bytes);
  }
  if (reader.sizeBytes < needed) {
    throw unreadable(
      path,
      `it is cut off: its tensors need ${needed} bytes and it has ${reader.sizeBytes}`,
    );
  }
}

function headOf(keys: ReadonlyMap<string, Scalar>, tensors: readonly Tensor[]): GgufHead {
  const architecture = String(keys.get('general.architecture') ?? 'unknown');
  let parameterCount = 0;
  const elementsByEncoding = new Map<number, number>();
  for (const { elements, encodingId, dimensions } of tensors) {
    parameterCount += elements;
    if (dimensions < 2) continue;
    elementsByEncoding.set(encodingId, (elementsByEncoding.get(encodingId) ?? 0) + elements);
  }
  const [dominantId] = [...elementsByEncoding].toSorted(([, one], [, other]) => other - one)[0] ?? [
    0,
  ];
  const dominant = tensorEncoding(dominantId)?.name ?? `type ${dominantId}`;
  return {
    architecture,
    encoding: encodingLabel(dominant, numberOf(keys, 'general.file_type')),
    parameterCount,
    contextTokens: numberOf(keys, `${architecture}.context_length`),
    kvBytesPerToken: kvBytesPerToken(keys, architecture),
  };
}

function kvBytesPerToken(
  keys: ReadonlyMap<string, Scalar>,
  architecture: string,
): number | undefined {
  const ask = (name: string): number | undefined => numberOf(keys, `${architecture}.${name}`);
  const layers = ask('block_count');
  const heads = ask('attention.head_count');
  const kvHeads = ask('attention.head_count_kv') ?? heads;
  const width = ask('embedding_length');
  if (layers === undefined || heads === undefined || kvHeads === undefined || width === undefined)
    return undefined;
  const keySize = ask('attention.key_length') ?? width / heads;
  const valueSize = ask('attention.value_length') ?? width / heads;
  return layers * kvHeads * (keySize + valueSize) * kvElementBytes;
}

function numberOf(keys: ReadonlyMap<string, Scalar>, key: string): number | undefined {
  const value = keys.get(key);
  return typeof value === 'number' ? value : undefined;
}

function unreadable(path: string, reason: string, cause?: unknown): ServerError {
  return new ServerError(`read model ${path}: ${reason}`, {
    code: 'SERVER_MODEL_UNREADABLE',
    cause,
  });
}
