import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const firstMs = 3;
const betweenMs = 2;
const chunks = 10;

/** Streams ten chunks of content, the first after 3 ms, the others 2 ms apart. */
async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  await sleep(firstMs);
  for (let at = 0; at < chunks; at++) {
    if (at > 0) await sleep(betweenMs);
    const event = {
      id: 'c',
      model: 'bench',
      choices: [{ index: 0, delta: { content: ` ${at}` } }],
    };
    response.write(`data: ${JSON.stringify(event)}\n\n`);
  }
  response.end('data: [DONE]\n\n');
}

const server = createServer((request, response) => {
  request.resume();
  if (request.url === '/health') response.end('ok');
  else void stream(response);
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), '127.0.0.1');
