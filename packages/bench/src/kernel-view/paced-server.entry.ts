import { setTimeout as sleep } from 'node:timers/promises';
import { seededPrng } from '@millrace/stdx';
import { serveStreams } from './serve-streams.ts';

const betweenMs = [50, 150] as const;
const events = [10, 30] as const;
const prng = seededPrng(1);

function between([least, most]: readonly [number, number]): number {
  return least + prng.below(most - least + 1);
}

// The first event goes out at once, so that its time is the server's own. How many follow and when is drawn, or else
// streams that began together would stay together.
serveStreams(async (response) => {
  for (let left = between(events); left > 0 && !response.destroyed; left--) {
    const content = `ns-${process.hrtime.bigint()}`;
    response.write(
      `data: {"model":"bench","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`,
    );
    await sleep(between(betweenMs));
  }
});
