import { readFileSync } from 'node:fs';
import { Agent, request as openRequest } from 'node:http';
import { seededPrng } from '@millrace/stdx';
import { type Figure } from '../report/report.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import { wordsOf } from '../workload/workloads.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { inRounds } from './rounds.ts';
import { goalAtMost } from './goal.ts';

const concurrency = 24;
/** Memory is read this often; growth is counted from the second half on. */
const samples = 20;

/** Short requests, a fifth of them cancelled, some read slowly: resident memory must stay flat. */
export async function soak(context: BenchContext, requestCount: number): Promise<Comparison> {
  const resident: number[] = [];
  const outcomes = new Map<string, number>();
  await inRounds([millraceSide('millrace', context.model, [`--threads=${context.threads}`])], {
    ...context,
    rounds: 1,
    run: async (_side, running) => {
      const random = seededPrng(1);
      const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
      let asked = 0;
      const client = async (): Promise<void> => {
        while (asked < requestCount) {
          if (asked++ % Math.ceil(requestCount / samples) === 0)
            resident.push(residentBytes(running.processId));
          const how = await askOnce({
            url: running.url,
            agent,
            prompt: wordsOf(random, 4 + random.below(30)),
            fate: random.next(),
          });
          outcomes.set(how, (outcomes.get(how) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: concurrency }, client));
      agent.destroy();
    },
    onMissing: () => undefined,
  });
  const warm = resident.slice(resident.length >> 1);
  const growth = (warm.at(-1) ?? 0) / (warm[0] ?? 1) - 1;
  const figures: readonly Figure[] = [
    {
      comparison: 'soak',
      side: 'millrace',
      name: 'resident MiB',
      values: resident.map((bytes) => bytes / 2 ** 20),
    },
    ...[...outcomes].map(([name, count]) => ({
      comparison: 'soak',
      side: 'millrace',
      name: `requests ${name}`,
      values: [count],
    })),
  ];
  const curve = `resident memory in MiB over the run: ${resident.map((bytes) => Math.round(bytes / 2 ** 20)).join(' ')}`;
  return {
    figures,
    goals: [goalAtMost('growth of resident memory over the second half ≤ 0.05', growth, 0.05)],
    notes: [curve],
  };
}

/** A fifth goes away early, a tenth reads slowly, the rest reads on. */
function askOnce(step: {
  readonly url: string;
  readonly agent: Agent;
  readonly prompt: string;
  readonly fate: number;
}): Promise<string> {
  const body = JSON.stringify({
    model: 'bench',
    prompt: step.prompt,
    max_tokens: 6,
    stream: true,
    temperature: 0,
    ignore_eos: true,
  });
  return new Promise((resolve) => {
    const outgoing = openRequest(new URL('/v1/completions', step.url), {
      method: 'POST',
      agent: step.agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    const isCancelled = step.fate < 0.2;
    if (isCancelled) setTimeout(() => outgoing.destroy(), step.fate * 2000);
    outgoing.on('error', () => resolve(isCancelled ? 'cancelled' : 'failed'));
    outgoing.on('response', (message) => {
      if (step.fate > 0.9) {
        message.pause();
        setTimeout(() => message.resume(), 200);
      }
      message.on('data', () => undefined);
      message.on('end', () =>
        resolve(message.statusCode === 200 ? 'answered' : `refused with ${message.statusCode}`),
      );
      message.on('error', () => resolve(isCancelled ? 'cancelled' : 'failed'));
    });
    outgoing.end(body);
  });
}

function residentBytes(processId: number): number {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
