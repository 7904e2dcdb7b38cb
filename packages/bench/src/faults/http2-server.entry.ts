import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';

/*
 * The streaming server over HTTP/2, with Node's own implementation: POST for a stream of tokens, GET for a bulk of bytes.
 * Its options are those of stream-server.c. For token --block-at it does nothing else, as servers that compute in the thread of their
 * sockets: it learns of nothing meanwhile. Then it tells when a stream that was given up had ended for it.
 */
const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '30' },
    'gap-us': { type: 'string', default: '20000' },
    bytes: { type: 'string', default: '60' },
    'pause-at': { type: 'string', default: '-1' },
    'pause-us': { type: 'string', default: '0' },
    'block-at': { type: 'string', default: '-1' },
    'block-us': { type: 'string', default: '0' },
  },
});
const bulk = { piece: Buffer.alloc(4_000, 'x'), pieces: 60, gapMs: 4 };
const plan = {
  tokens: Number(values.tokens),
  gapMs: Number(values['gap-us']) / 1_000,
  text: 'x'.repeat(Number(values.bytes)),
  pauseAt: Number(values['pause-at']),
  pauseMs: Number(values['pause-us']) / 1_000,
  blockAt: Number(values['block-at']),
  blockMs: Number(values['block-us']) / 1_000,
};

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    void sendBulk(response.stream);
    return;
  }
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    void answer(response.stream);
  });
});
server.on('connection', (socket: Socket) => socket.setNoDelay(true));
server.on('session', (session) => session.on('error', () => undefined));
server.listen(0, '0.0.0.0', () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 }));
});

/** More than a connection's first window, as another answer on the same connection would be. */
async function sendBulk(stream: ServerHttp2Stream): Promise<void> {
  stream.on('error', () => undefined);
  for (let index = 0; index < bulk.pieces && !stream.destroyed; index++) {
    stream.write(bulk.piece);
    await new Promise((resolve) => setTimeout(resolve, bulk.gapMs));
  }
  if (!stream.destroyed) stream.end();
}

async function answer(stream: ServerHttp2Stream): Promise<void> {
  stream.on('error', () => undefined);
  for (let index = 0; index < plan.tokens; index++) {
    const waitMs = plan.gapMs + (index === plan.pauseAt ? plan.pauseMs : 0);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (stream.destroyed) break;
    if (index === plan.blockAt) block(plan.blockMs);
    stream.write(eventOf(index));
  }
  if (plan.blockAt >= 0) console.log(JSON.stringify({ endedNs: Number(process.hrtime.bigint()) }));
  if (!stream.destroyed) stream.end('data: [DONE]\n\n');
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function eventOf(index: number): string {
  const choice = {
    index: 0,
    delta: { content: plan.text },
    finish_reason: index === plan.tokens - 1 ? 'stop' : null,
  };
  const event = { object: 'chat.completion.chunk', model: 'rig', choices: [choice] };
  return `data: ${JSON.stringify(event)}\n\n`;
}
