import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededPrng } from '@millrace/stdx';

const betweenMs = [50, 150] as const;
const events = [10, 30] as const;
const prng = seededPrng(1);

function between([least, most]: readonly [number, number]): number {
  return least + prng.below(most - least + 1);
}

/**
 * The first event goes out at once, so that its time is the server's own. How many follow and when is drawn, or else
 * streams that began together would stay together.
 */
async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let left = between(events); left > 0 && !response.destroyed; left--) {
    const content = `ns-${process.hrtime.bigint()}`;
    response.write(
      `data: {"model":"bench","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`,
    );
    await sleep(between(betweenMs));
  }
  response.end('data: [DONE]\n\n');
}

const server = createServer((request, response) => {
  request.resume();
  if (request.url === '/health') response.end('ok');
  else void stream(response);
});
server.keepAliveTimeout = 60_000;
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 2048 });
