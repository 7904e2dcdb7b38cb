import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { GatewayError, type TlsOptions } from '@millrace/gateway';
import { makeIdentity } from '@millrace/gateway/testing';
import { VirtualClock } from '@millrace/stdx';
import { ServerError } from '../errors.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { TlsFiles } from './tls-files.ts';

const clock = new VirtualClock();
clock.advance(Date.now());
const monthMs = 31 * 24 * 3600 * 1000;

interface World {
  readonly files: TlsFiles;
  readonly write: (identity: Partial<ReturnType<typeof makeIdentity>>) => Promise<void>;
  readonly taken: TlsOptions[];
  readonly news: string[];
}

async function open(t: TestContext, identity = lasting()): Promise<World> {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const paths = { cert: join(folder.path, 'cert.pem'), key: join(folder.path, 'key.pem') };
  const write: World['write'] = async ({ cert, key }) => {
    if (cert !== undefined) await writeFile(paths.cert, cert);
    if (key !== undefined) await writeFile(paths.key, key);
  };
  await write(identity);
  const taken: TlsOptions[] = [];
  const news: string[] = [];
  const files = new TlsFiles({
    paths,
    clock,
    onChange: (tls) => taken.push(tls),
    onNews: (text) => news.push(text),
  });
  t.after(() => files[Symbol.dispose]());
  return { files, write, taken, news };
}

function lasting(): ReturnType<typeof makeIdentity> {
  return makeIdentity({ toUnixMs: clock.unixMs() + monthMs });
}

test('a certificate that changes is taken over, with the keys of tickets kept', async (t) => {
  const { files, write, taken, news } = await open(t);
  const before = files.tls;
  files.reload();
  assert.deepEqual(taken, [], 'the same files are nothing new');
  const next = lasting();
  await write(next);
  files.reload();
  assert.deepEqual(taken, [{ ...next, ticketKeys: before.ticketKeys }]);
  assert.equal(files.tls.cert, next.cert);
  assert.match(news.join('\n'), /took over the certificate/);
});

test('a certificate that is written before its key is waited for', async (t) => {
  const { files, write, taken, news } = await open(t);
  const next = lasting();
  await write({ cert: next.cert });
  files.reload();
  await write({ key: next.key });
  files.reload();
  clock.advance(5000);
  assert.equal(taken.length, 1);
  assert.doesNotMatch(news.join('\n'), /not taken over/);
});

test('what stays wrong is told, and the certificate before it stays', async (t) => {
  const { files, write, taken, news } = await open(t);
  const before = files.tls;
  await write({ key: lasting().key });
  files.reload();
  assert.deepEqual(news, []);
  clock.advance(5000);
  assert.match(news.join('\n'), /not taken over, the one before stays: .*the key is not that/);
  assert.deepEqual([files.tls, taken], [before, []]);
});

test('keys that seal tickets are made anew twice a day, and lanes are told', async (t) => {
  const { files, taken } = await open(t);
  const { ticketKeys } = files.tls;
  clock.advance(12 * 3600 * 1000);
  assert.equal(taken.length, 1);
  assert.notDeepEqual(taken[0]?.ticketKeys, ticketKeys);
});

test('a certificate that ends soon is told', async (t) => {
  const { news } = await open(t, makeIdentity({ toUnixMs: clock.unixMs() + 3 * 86_400_000 }));
  assert.match(news.join('\n'), /DNS:localhost ends in [23] days/);
});

test('files that are missing or cannot serve are refused at the start', async (t) => {
  const parts = { clock, onChange: () => undefined, onNews: () => undefined };
  assert.throws(
    () => new TlsFiles({ ...parts, paths: { cert: '/nowhere/cert', key: '/nowhere/key' } }),
    (error) => error instanceof ServerError && /nowhere\/cert/.test(error.message),
  );
  const other = { cert: lasting().cert, key: lasting().key };
  await assert.rejects(open(t, other), (error) => error instanceof GatewayError);
});
