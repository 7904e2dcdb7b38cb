import { Agent } from 'node:http';
import {
  type LoadRequest,
  type LoadTarget,
  measure,
  type MeasuredRequest,
} from './measured-request.ts';

/** All requests of a run, and how long it took. */
export interface LoadResult {
  readonly requests: readonly MeasuredRequest[];
  readonly elapsedMs: number;
}

/** Keeps `concurrency` requests going until all have been asked. */
export async function runClosedLoop(
  place: Pick<LoadTarget, 'url' | 'modelId'>,
  loads: readonly LoadRequest[],
  concurrency: number,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const target = { ...place, agent };
  const startedAtMs = performance.now();
  const requests: MeasuredRequest[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let load = loads[next++]; load !== undefined; load = loads[next++]) {
      requests.push(await measure(target, load));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  agent.destroy();
  return { requests, elapsedMs: performance.now() - startedAtMs };
}

/** Asks each request at its time, whatever has become of those before. */
export async function runOpenLoop(
  place: Pick<LoadTarget, 'url' | 'modelId'>,
  arrivals: readonly { readonly load: LoadRequest; readonly atMs: number }[],
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1024 });
  const target = { ...place, agent };
  const startedAtMs = performance.now();
  const requests = await Promise.all(
    arrivals.map(async ({ load, atMs }) => {
      await new Promise((resolve) => setTimeout(resolve, atMs));
      return measure(target, load);
    }),
  );
  agent.destroy();
  return { requests, elapsedMs: performance.now() - startedAtMs };
}

/** Output tokens per second over a run. */
export function tokensPerSecond({ requests, elapsedMs }: LoadResult): number {
  const tokens = requests.reduce(
    (sum, request) => sum + (request.outcome === 'answered' ? request.outputTokens : 0),
    0,
  );
  return (tokens * 1000) / elapsedMs;
}

/** Requests that were not answered. */
export function failureCount({ requests }: LoadResult): number {
  return requests.filter((request) => request.outcome !== 'answered').length;
}

/** The value below which the share `q` of the values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
