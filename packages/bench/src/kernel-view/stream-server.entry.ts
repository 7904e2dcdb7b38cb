import { setTimeout as sleep } from 'node:timers/promises';
import { serveStreams } from './serve-streams.ts';

const firstMs = 3;
const betweenMs = 2;
const chunks = 10;

// Ten chunks of content, the first after 3 ms, the others 2 ms apart.
serveStreams(async (response) => {
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
});
