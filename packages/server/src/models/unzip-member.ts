import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { messageOf } from '@millrace/stdx';
import { ServerError } from '../errors.ts';

/** Where a member of a zip file lies (APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16). */
interface Member {
  readonly method: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  readonly headerOffset: number;
}

const endBytes = 22;
const commentBytesMax = 65_535;
const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const entryBytes = 46;
const localSignature = 0x04034b50;
const localBytes = 30;
const directoryBytesMax = 2 ** 24;
/** Sizes of this value stand elsewhere, in the form for files of 4 GiB and more. */
const elsewhere = 0xffffffff;
const stored = 0;
const deflated = 8;

/** Writes one member of a zip file to a file. `onBytes` is told how much has been written, and how much there will be. */
export async function unzipMember(step: {
  readonly zip: string;
  readonly member: string;
  readonly to: string;
  readonly onBytes: (done: number, total: number) => void;
}): Promise<void> {
  const { member, start } = await locate(step.zip, step.member).catch((cause: unknown) => {
    if (cause instanceof ServerError) throw cause;
    throw broken(step.zip, `it is no zip file, or is cut off (${messageOf(cause)})`, cause);
  });
  let done = 0;
  async function* counted(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      done += piece.length;
      // A member that goes on past what it claims could go on without end.
      if (done > member.sizeBytes) throw new Error(`it has more than ${member.sizeBytes} bytes`);
      step.onBytes(done, member.sizeBytes);
      yield piece;
    }
  }
  const decode = member.method === stored ? new PassThrough() : createInflateRaw();
  try {
    const source = createReadStream(step.zip, { start, end: start + member.compressedBytes - 1 });
    await pipeline(source, decode, counted, createWriteStream(step.to));
  } catch (cause) {
    throw broken(step.zip, `${step.member} cannot be unpacked (${messageOf(cause)})`, cause);
  }
  if (done !== member.sizeBytes)
    throw broken(step.zip, `${step.member} has ${done} bytes, but must have ${member.sizeBytes}`);
}

async function locate(
  zip: string,
  name: string,
): Promise<{ readonly member: Member; readonly start: number }> {
  await using file = await open(zip);
  const member = await findMember(file, name);
  if (member === undefined) throw broken(zip, `it has no member ${name}`);
  if (member.method !== stored && member.method !== deflated) {
    throw broken(
      zip,
      `${name} is packed by method ${member.method}, which is neither stored nor deflated`,
    );
  }
  if ([member.compressedBytes, member.sizeBytes, member.headerOffset].includes(elsewhere))
    throw broken(zip, `${name} is in the form for 4 GiB and more, which is not read here`);
  const local = await readAt(file, member.headerOffset, localBytes);
  if (local.readUInt32LE(0) !== localSignature)
    throw broken(zip, `${name} does not begin where its directory says`);
  const start = member.headerOffset + localBytes + local.readUInt16LE(26) + local.readUInt16LE(28);
  return { member, start };
}

async function findMember(file: FileHandle, name: string): Promise<Member | undefined> {
  const { size } = await file.stat();
  const tailBytes = Math.min(size, endBytes + commentBytesMax);
  const tail = await readAt(file, size - tailBytes, tailBytes);
  let end = tail.length - endBytes;
  while (end >= 0 && tail.readUInt32LE(end) !== endSignature) end--;
  if (end < 0) throw new Error('it has no directory');
  const directoryBytes = tail.readUInt32LE(end + 12);
  if (directoryBytes > directoryBytesMax)
    throw new Error(`its directory claims ${directoryBytes} bytes; ${directoryBytesMax} are read`);
  const directory = await readAt(file, tail.readUInt32LE(end + 16), directoryBytes);
  for (
    let at = 0;
    at + entryBytes <= directory.length && directory.readUInt32LE(at) === entrySignature;
  ) {
    const nameBytes = directory.readUInt16LE(at + 28);
    const found = directory.toString('utf8', at + entryBytes, at + entryBytes + nameBytes);
    if (found === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressedBytes: directory.readUInt32LE(at + 20),
        sizeBytes: directory.readUInt32LE(at + 24),
        headerOffset: directory.readUInt32LE(at + 42),
      };
    }
    at +=
      entryBytes + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw new Error(`it ends within ${length} bytes at ${position}`);
  return buffer;
}

function broken(zip: string, reason: string, cause?: unknown): ServerError {
  return new ServerError(`unpack ${zip}: ${reason}`, { code: 'SERVER_MODEL_UNAVAILABLE', cause });
}
