import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { readSettings } from '../config/settings.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { serveEndpoints } from './up-endpoints.ts';

interface World {
  readonly url: string;
  /** What the engine was asked, in order. */
  readonly asked: { readonly path: string; readonly body: string }[];
}

/** `millrace up --config` in front of an engine of two models that embeds texts as themselves. */
async function open(t: TestContext, more: string): Promise<World> {
  const asked: World['asked'] = [];
  const engine = await startLocalServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/v1/models')
      return response.end(JSON.stringify({ data: [{ id: 'small' }, { id: 'large' }] }));
    if (request.method === 'GET') return response.writeHead(404).end();
    const take = async (): Promise<void> => {
      const body = await bodyOf(request);
      asked.push({ path: request.url ?? '', body });
      response.end(embedded(body));
    };
    void take();
  });
  t.after(() => engine[Symbol.asyncDispose]());
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const file = join(folder.path, 'millrace.yaml');
  await writeFile(
    file,
    `listen: { port: 0 }\nlanes: 1\nendpoints: [{ url: "${engine.url}"${more} }]\naliases: { fast: small }\n`,
  );
  const nothingSet = readSettings({}, { args: [], env: {} });
  const served = await serveEndpoints(file, nothingSet, new FakeTerminal());
  t.after(() => served[Symbol.asyncDispose]());
  const { place } = served.lanes;
  assert.ok('port' in place);
  return { url: `http://127.0.0.1:${place.port}`, asked };
}

function embedded(body: string): string {
  const { input = [] } = (body.startsWith('{') ? JSON.parse(body) : {}) as {
    readonly input?: string | readonly string[];
  };
  const data = [input].flat().map((text, index) => ({ index, embedding: text }));
  return JSON.stringify({ data, usage: { prompt_tokens: 9, total_tokens: 9 } });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

async function embed(url: string, input: string): Promise<unknown> {
  const response = await fetch(`${url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'small', input }),
  });
  return ((await response.json()) as { readonly data: unknown }).data;
}

test('embeddings that come together are one request where batching is configured', async (t) => {
  const { url, asked } = await open(t, ', batching: { delayMs: 500, inputs: 6 }');
  const answers = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((text) => embed(url, text)),
  );
  assert.deepEqual(
    answers,
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((embedding) => [{ index: 0, embedding }]),
  );
  assert.equal(asked.length, 2, 'the first alone, the others together');
});

test('without it each is a request of its own', async (t) => {
  const { url, asked } = await open(t, '');
  await Promise.all(['a', 'b', 'c'].map((text) => embed(url, text)));
  assert.equal(asked.length, 3);
});

test('routes that are passed on go by the model of their body, in a form too', async (t) => {
  const { url, asked } = await open(t, '');
  const form = new FormData();
  form.append('file', new Blob(['sound']), 'a.wav');
  form.append('model', 'fast');
  const path = '/v1/audio/transcriptions';
  assert.equal((await fetch(`${url}${path}`, { method: 'POST', body: form })).status, 200);
  assert.equal(asked[0]?.path, path);
  assert.match(asked[0].body, /name="model"\r\n\r\nsmall\r\n/, 'an alias is made a model');
  assert.match(asked[0].body, /sound/);
  form.set('model', 'none');
  assert.equal((await fetch(`${url}${path}`, { method: 'POST', body: form })).status, 404);
  for (const route of ['rerank', 'score', 'images/generations', 'moderations', 'audio/speech']) {
    const body = JSON.stringify({ model: 'large', anything: 1 });
    const headers = { 'content-type': 'application/json' };
    await (await fetch(`${url}/v1/${route}`, { method: 'POST', headers, body })).text();
    assert.deepEqual(asked.at(-1), { path: `/v1/${route}`, body });
  }
});

test('a model is found by its name and by its alias', async (t) => {
  const { url } = await open(t, '');
  const found = (await (await fetch(`${url}/v1/models/fast`)).json()) as { readonly id: string };
  assert.equal(found.id, 'fast');
  assert.equal((await fetch(`${url}/v1/models/none`)).status, 404);
});
