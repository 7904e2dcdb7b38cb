import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { SharedOutput, SocketWriter } from './socket-writer.ts';
import { lentBytesMax, LentMemory } from './spare-memory.ts';

/** More than the system keeps for a connection whose other side does not read. */
const fillingCount = 64;

async function connectedPair(t: TestContext): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  near.on('error', () => undefined);
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

/** Memories, all written behind one another, each full of its own number. */
function writeMany(writer: SocketWriter): readonly LentMemory[] {
  return Array.from({ length: fillingCount }, (_, index) => {
    const memory = new LentMemory(lentBytesMax);
    writer.text(`${index};`);
    writer.ownedBytes(Buffer.from(memory).fill(index));
    return memory;
  });
}

test('lent memory is held until the system has taken what is in it', async (t) => {
  const [near, far] = await connectedPair(t);
  const memories = writeMany(new SocketWriter(near, new SharedOutput()));
  const last = memories.at(-1);
  assert.equal(last?.isRead, true);
  const expected = memories.reduce((sum, _, index) => sum + `${index};`.length + lentBytesMax, 0);
  let [got, isOwn] = [0, true];
  for await (const piece of far.resume() as AsyncIterable<Buffer>) {
    got += piece.length;
    isOwn &&= last.isRead || near.writableLength === 0;
    if (got === expected) break;
  }
  assert.ok(isOwn);
  assert.deepEqual(
    memories.map(({ isRead }) => isRead),
    memories.map(() => false),
  );
});

test('lent memory is let go when the connection is lost', async (t) => {
  const [near, far] = await connectedPair(t);
  const memories = writeMany(new SocketWriter(near, new SharedOutput()));
  far.resetAndDestroy();
  await new Promise((resolve) => near.once('close', resolve));
  assert.ok(memories.every(({ isRead }) => !isRead));
});

test('what was written before long bytes goes before them, and the shared memory to others', async (t) => {
  const [near, far] = await connectedPair(t);
  const output = new SharedOutput();
  const { bytes } = output;
  const writer = new SocketWriter(near, output);
  writer.text('head;');
  writer.ownedBytes(Buffer.alloc(200_000, 'x'));
  writer.text(';tail');
  writer.flush();
  assert.equal(output.bytes, bytes);
  near.end();
  let text = '';
  for await (const piece of far.resume()) text += String(piece);
  assert.equal(text, `head;${'x'.repeat(200_000)};tail`);
});

test('chunks of all lengths are written as chunked coding says', async (t) => {
  const [near, far] = await connectedPair(t);
  const writer = new SocketWriter(near, new SharedOutput());
  const edges = [1, 15, 16, 17, 255, 256, 4095, 4096, 65_526, 65_527, 65_528, 65_536, 200_000];
  const chunks = edges.map((length, index) => Buffer.alloc(length, index + 1));
  const expected = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk.toString()}\r\n`);
  for (const chunk of chunks) writer.chunk(chunk);
  writer.chunk(Buffer.alloc(0));
  writer.flush();
  near.end();
  let text = '';
  for await (const piece of far.resume()) text += String(piece);
  assert.equal(text, expected.join(''));
});
