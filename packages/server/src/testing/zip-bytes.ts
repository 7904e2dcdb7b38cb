import { crc32, deflateRawSync } from 'node:zlib';

/** A member of a zip file. */
export interface ZipMember {
  readonly name: string;
  readonly content: Buffer;
  /** 0: stored; 8: deflated; anything else is claimed only. */
  readonly method: number;
  /** What is claimed as its size; by default what it has. */
  readonly claimedBytes?: number;
}

/** A zip file with these members (APPNOTE.TXT of PKWARE, section 4.3). */
export function zipFile(members: readonly ZipMember[]): Buffer {
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const name = Buffer.from(member.name);
    const packed = member.method === 8 ? deflateRawSync(member.content) : member.content;
    const fields = fieldsOf(member, packed.length, name.length);
    const local = Buffer.concat([uint32s(0x04034b50), uint16s(20), fields, uint16s(0)]);
    const place = Buffer.concat([uint16s(0, 0, 0, 0), uint32s(0, offset)]);
    entries.push(Buffer.concat([uint32s(0x02014b50), uint16s(20, 20), fields, place, name]));
    const body = Buffer.concat([local, name, packed]);
    bodies.push(body);
    offset += body.length;
  }
  const directory = Buffer.concat(entries);
  const counts = uint16s(0, 0, members.length, members.length);
  const end = Buffer.concat([uint32s(0x06054b50), counts, uint32s(directory.length, offset)]);
  return Buffer.concat([...bodies, directory, end, uint16s(0)]);
}

/** What the local header and the directory say alike: from the flags to the length of the name. */
function fieldsOf(member: ZipMember, packedBytes: number, nameBytes: number): Buffer {
  const sizeBytes = member.claimedBytes ?? member.content.length;
  return Buffer.concat([
    uint16s(0, member.method, 0, 0),
    uint32s(crc32(member.content), packedBytes, sizeBytes),
    uint16s(nameBytes),
  ]);
}

function uint16s(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from([value & 0xff, value >> 8])));
}

function uint32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32LE(value, at * 4);
  return bytes;
}
