import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { requireRoom } from './disk-room.ts';
import { download, type DownloadJob } from './download.ts';

const content = Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 251));
const half = 2000;

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Serves the content by ranges, as long as the client's validator is this one. */
function rangedServer(tag = '"one"', bytes = content): RequestListener {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const isSame = [undefined, tag].includes(request.headers['if-range'] as string | undefined);
    if (from === 0 || !isSame) {
      response.writeHead(200, { etag: tag, 'content-length': bytes.length }).end(bytes);
      return;
    }
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { etag: tag, 'content-range': range }).end(bytes.subarray(from));
  };
}

interface Trial {
  readonly answer: RequestListener;
  /** What an earlier call has left. */
  readonly part?: Buffer;
  readonly validator?: string | null;
  readonly job?: Partial<DownloadJob>;
}

interface Result {
  readonly error: string;
  readonly bytes: Buffer | undefined;
  readonly left: readonly string[];
  readonly ranges: readonly (string | undefined)[];
  readonly retries: readonly string[];
}

async function runTrial(trial: Trial): Promise<Result> {
  await using folder = await temporaryFolder();
  await using server = await startLocalServer(trial.answer);
  const to = join(folder.path, 'm.gguf');
  const url = `${server.url}/m.gguf`;
  if (trial.part !== undefined) {
    await writeFile(`${to}.part`, trial.part);
    const { validator = '"one"' } = trial;
    await writeFile(`${to}.part.json`, JSON.stringify({ url, validator }));
  }
  const retries: string[] = [];
  const error = await download({
    url,
    to,
    onBytes: () => undefined,
    onRetry: (reason) => retries.push(reason),
    pausesMs: [0, 0],
    ...trial.job,
  }).then(
    () => '',
    (fault: Error) => fault.message,
  );
  const left = (await readdir(folder.path)).toSorted();
  const bytes = left.includes('m.gguf') ? await readFile(to) : undefined;
  return { error, bytes, left, retries, ranges: server.requests.map((r) => r.headers.range) };
}

test('a file is fetched whole, and nothing else is left', async () => {
  const { bytes, left, error } = await runTrial({ answer: rangedServer() });
  assert.equal(error, '');
  assert.deepEqual(bytes, content);
  assert.deepEqual(left, ['m.gguf']);
});

test('a transfer that breaks off is gone on with where it stood', async () => {
  await using folder = await temporaryFolder();
  const to = join(folder.path, 'm.gguf');
  const serveRest = rangedServer();
  let answers = 0;
  await using server = await startLocalServer(async (request, response) => {
    if (answers++ > 0) {
      serveRest(request, response);
      return;
    }
    response.writeHead(200, { etag: '"one"', 'content-length': content.length });
    response.write(content.subarray(0, half));
    const size = async (): Promise<number> =>
      (await stat(`${to}.part`).catch(() => ({ size: 0 }))).size;
    while ((await size()) < half) await setImmediate();
    response.destroy();
  });
  const retries: string[] = [];
  await download({
    url: server.url,
    to,
    onBytes: () => undefined,
    onRetry: (reason) => retries.push(reason),
    pausesMs: [0],
  });
  assert.deepEqual(await readFile(to), content);
  assert.equal(retries.length, 1);
  assert.match(retries[0] ?? '', /broke off after 2000 of 5000 bytes/);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.range),
    [undefined, `bytes=${half}-`],
  );
});

test('a later call goes on with what an earlier one left', async () => {
  const part = content.subarray(0, half);
  const { bytes, ranges, left } = await runTrial({ answer: rangedServer(), part });
  assert.deepEqual(bytes, content);
  assert.deepEqual(ranges, [`bytes=${half}-`]);
  assert.deepEqual(left, ['m.gguf']);
});

test('a server without ranges sends it whole again', async () => {
  const { bytes } = await runTrial({
    part: content.subarray(0, half),
    answer: (_, response) => void response.end(content),
  });
  assert.deepEqual(bytes, content);
});

test('a file that was changed in between is fetched from its start', async () => {
  const other = Buffer.alloc(3000, 7);
  const part = content.subarray(0, half);
  const { bytes } = await runTrial({ part, answer: rangedServer('"two"', other) });
  assert.deepEqual(bytes, other);
});

test('a part that nothing vouches for is not gone on with', async () => {
  const part = Buffer.alloc(half, 9);
  const { bytes, ranges } = await runTrial({ part, validator: null, answer: rangedServer() });
  assert.deepEqual(bytes, content);
  assert.deepEqual(ranges, [undefined]);
});

test('a part with a wrong beginning is fetched anew when the hash shows it', async () => {
  const part = Buffer.alloc(half, 9);
  const job = { sha256: hashOf(content) };
  const { bytes, ranges } = await runTrial({ part, answer: rangedServer(), job });
  assert.deepEqual(bytes, content);
  assert.deepEqual(ranges, [`bytes=${half}-`, undefined]);
});

test('416 for a part that is the whole file means that it is there', async () => {
  const { bytes, ranges } = await runTrial({
    part: content,
    answer: (_, response) =>
      void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end(),
  });
  assert.deepEqual(bytes, content);
  assert.equal(ranges.length, 1);
});

test('416 for any other part begins anew', async () => {
  const serve = rangedServer();
  const { bytes, retries } = await runTrial({
    part: Buffer.alloc(content.length + 1),
    answer: (request, response) => {
      if (request.headers.range === undefined) serve(request, response);
      else response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    },
  });
  assert.deepEqual(bytes, content);
  assert.deepEqual(retries, ['the server has no such range']);
});

test('another range than the one asked for begins anew', async () => {
  const serve = rangedServer();
  const { bytes, retries } = await runTrial({
    part: content.subarray(0, half),
    answer: (request, response) => {
      if (request.headers.range === undefined) serve(request, response);
      else response.writeHead(206, { 'content-range': 'bytes 5-9/5000' }).end('abcde');
    },
  });
  assert.deepEqual(bytes, content);
  assert.deepEqual(retries, ['the server sent another range than the one asked for']);
});

test('a wrong hash is refused with both hashes, and the file is removed', async () => {
  const sha256 = '0'.repeat(64);
  const { error, left } = await runTrial({ answer: rangedServer(), job: { sha256 } });
  assert.match(error, new RegExp(`its SHA-256 is ${hashOf(content)}, but must be ${sha256}`));
  assert.deepEqual(left, []);
});

test('a refusal is told at once with its mend', async () => {
  const answer: RequestListener = (_, response) => void response.writeHead(401).end();
  const { error, ranges } = await runTrial({ answer });
  assert.match(error, /fetch http.*: the server says 401 Unauthorized; set HF_TOKEN/);
  assert.equal(ranges.length, 1);
});

test('a server in trouble is tried again as often as there are pauses', async () => {
  const answer: RequestListener = (_, response) => void response.writeHead(503).end();
  const { error, ranges } = await runTrial({ answer });
  assert.match(error, /the server says 503 Service Unavailable; run it again to go on/);
  assert.equal(ranges.length, 3);
});

test('a server that sends nothing is given up on', async () => {
  const job = { idleMsMax: 20, pausesMs: [] };
  const { error } = await runTrial({ answer: () => undefined, job });
  assert.match(error, /no byte came for 20 ms/);
});

test('a disk without room is told before anything is written', async () => {
  await using folder = await temporaryFolder();
  await assert.rejects(requireRoom(folder.path, 2 ** 60), {
    code: 'SERVER_MODEL_UNAVAILABLE',
    message: /write 1099511627776 MiB to .*: its disk has \d+ MiB free, .*MILLRACE_CACHE/,
  });
});

test('a file that is larger than the disk is refused by its stated length', async () => {
  const { error, left } = await runTrial({
    answer: (_, response) => void response.writeHead(200, { 'content-length': 2 ** 52 }).write('a'),
  });
  assert.match(error, /its disk has \d+ MiB free/);
  assert.deepEqual(left, []);
});
