import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { answerTo } from '../backends/backend.ts';
import { EngineBlocks, PrefixLedger } from '@millrace/routing';
import { systemClock } from '@millrace/stdx';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { openFleet } from '../testing/open-fleet.ts';

const blockSize = 4;

/** An engine whose tokens are the codes of a prompt's characters; counts what it was asked to tokenize. */
async function openEngine(
  t: TestContext,
  name: string,
  tokenizing: { isOn: boolean; count: number },
): Promise<URL> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') return void response.end('{"data":[{"id":"m"}]}');
    if (request.method === 'GET') return void response.writeHead(404).end();
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.once('end', () => {
      if (request.url !== '/tokenize') return void response.end(name);
      tokenizing.count++;
      if (!tokenizing.isOn) return;
      const { prompt } = JSON.parse(text) as { prompt: string };
      response.end(JSON.stringify({ tokens: Array.from(prompt, (one) => one.charCodeAt(0)) }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

test('a prompt goes where an engine says that it holds it, and without its tokens by what is supposed', async (t) => {
  const tokenizing = { isOn: true, count: 0 };
  const urls = await Promise.all(['a', 'b', 'c'].map((name) => openEngine(t, name, tokenizing)));
  const fleet = await openFleet(urls);
  t.after(() => fleet[Symbol.dispose]());
  const ask = async (prompt: unknown): Promise<string> => {
    const answer = await answerTo(fleet.backend, {
      method: 'POST',
      target: '/v1/completions',
      headers: HeaderBlock.of({ 'content-type': 'application/json' }),
      body: Buffer.from(JSON.stringify({ model: 'm', prompt })),
      cancellation: new Cancellation(),
    });
    assert.ok(answer.kind === 'answered');
    const body = await readBody(answer.message.body, 100);
    return body.kind === 'whole' ? body.bytes.toString() : body.kind;
  };
  await ask('nobody tells what it holds');
  assert.equal(tokenizing.count, 0, 'nobody is asked for tokens in vain');
  const ledger = PrefixLedger.open(fleet.memory.exactLedger, systemClock);
  const blocks = new EngineBlocks(ledger, 1, 1_000);
  const sizes = new Uint16Array(fleet.memory.blockSizes);
  for (const index of [0, 1, 2]) sizes[index] = blockSize;
  const text = 'river '.repeat(300);
  const tokenIds = Int32Array.from(text, (one) => one.charCodeAt(0));
  const names = Array.from({ length: tokenIds.length / blockSize }, (_, at) => at);
  blocks.store({ blocks: names, parent: undefined, tokenIds, blockSize, medium: 'GPU', salt: 0 });
  for (let count = 0; count < 6; count++) assert.equal(await ask(`${text}question ${count}`), 'b');
  const before = tokenizing.count;
  assert.equal(await ask([...tokenIds, 1, 2]), 'b', 'tokens that the client sent are taken');
  assert.equal(tokenizing.count, before);
  blocks.clear();
  const others = new Set<string>();
  for (let count = 0; count < 12; count++) others.add(await ask(`${text}question ${count}`));
  assert.ok(others.size > 1, 'an engine that emptied its cache draws nobody');
  tokenizing.isOn = false;
  assert.match(
    await ask(`${text}later`),
    /^[abc]$/,
    'an engine that does not tell is not waited for',
  );
});
