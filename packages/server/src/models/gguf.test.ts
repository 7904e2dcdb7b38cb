import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { ggufFile, ggufKey, ggufString, uint32, uint64 } from '../testing/gguf-bytes.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { type GgufHead, readGgufHead } from './gguf.ts';

const start = Buffer.concat([Buffer.from('GGUF'), uint32(3)]);

async function read(bytes: Buffer): Promise<GgufHead> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'm.gguf');
  await writeFile(path, bytes);
  return readGgufHead(path);
}

async function assertRefused(bytes: Buffer, message: RegExp): Promise<void> {
  await assert.rejects(read(bytes), { code: 'SERVER_MODEL_UNREADABLE', message });
}

test('the head says architecture, encoding, parameters, context and cell size', async () => {
  const head = await read(
    ggufFile([
      ggufKey('llama.context_length', 2048),
      ggufKey('llama.block_count', 4),
      ggufKey('llama.attention.head_count', 8),
      ggufKey('llama.attention.head_count_kv', 2),
      ggufKey('llama.embedding_length', 64),
    ]),
  );
  assert.deepEqual(head, {
    architecture: 'llama',
    encoding: 'Q8_0',
    parameterCount: 128,
    contextTokens: 2048,
    kvBytesPerToken: 4 * 2 * 16 * 2,
  });
});

test('arrays are passed over', async () => {
  const words = Buffer.concat([uint32(9), uint32(8), uint64(2), ggufString('a'), ggufString('bc')]);
  const numbers = Buffer.concat([uint32(9), uint32(4), uint64(2), uint32(1), uint32(2)]);
  const keys = [
    Buffer.concat([ggufString('words'), words]),
    Buffer.concat([ggufString('numbers'), numbers]),
    ggufKey('llama.context_length', 77),
  ];
  assert.equal((await read(ggufFile(keys))).contextTokens, 77);
});

test('another kind of file is named by its beginning', async () => {
  const message = /it is not a GGUF file: it begins with "<htm", not "GGUF"/;
  await assertRefused(Buffer.from('<html>no</html>'), message);
  await assertRefused(Buffer.alloc(0), /it is not a GGUF file: it begins with ""/);
});

test('another version is named with those that can be read', async () => {
  const bytes = Buffer.concat([Buffer.from('GGUF'), uint32(9), uint64(0), uint64(0)]);
  await assertRefused(bytes, /its GGUF version is 9; readable are 2 and 3/);
});

test('wherever a file is cut off, that is what is said', async () => {
  const whole = ggufFile();
  for (let length = 4; length < whole.length; length++)
    await assertRefused(whole.subarray(0, length), /read model .*: it is cut off: its /);
});

test('counts that make no sense are named with their limits', async () => {
  const huge = 2n ** 62n;
  const tensors = Buffer.concat([start, uint64(huge), uint64(0)]);
  await assertRefused(tensors, /claims to have 4611686018427388000 tensors; at most 1048576/);
  const keys = Buffer.concat([start, uint64(0), uint64(huge)]);
  await assertRefused(keys, /claims to have \d+ keys; at most 65536/);
  const text = Buffer.concat([start, uint64(0), uint64(1), uint64(huge)]);
  await assertRefused(text, /claims to have \d+ bytes in a string/);
});

test('unknown kinds of values and too many dimensions are named', async () => {
  const kind = Buffer.concat([start, uint64(0), uint64(1), ggufString('k'), uint32(99)]);
  await assertRefused(kind, /a value is of kind 99, which is not known/);
  const tensor = Buffer.concat([start, uint64(1), uint64(0), ggufString('t'), uint32(5)]);
  await assertRefused(tensor, /a tensor has 5 dimensions/);
});

test('one file of a split model is refused with the mend', async () => {
  await assertRefused(ggufFile([ggufKey('split.count', 3)]), /one of 3 files .*--merge/);
});

test('a file that is not there is unreadable', () => {
  assert.throws(() => readGgufHead('/nowhere/m.gguf'), { code: 'SERVER_MODEL_UNREADABLE' });
});
