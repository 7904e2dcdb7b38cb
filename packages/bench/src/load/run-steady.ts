import { Agent } from 'node:http';
import { BenchError } from '../errors.ts';
import { type LoadRequest, type LoadTarget, measure } from './measured-request.ts';

/** The counter of generated tokens that the engine and vLLM share. */
const generatedTokens = 'vllm:generation_tokens_total';

/** A server at saturation, seen through a window. */
export interface SteadyResult {
  readonly tokensPerSecond: number;
  /** Requests that were not answered, warm-up included. */
  readonly failureCount: number;
}

/**
 * Keeps `concurrency` clients busy without end and counts the tokens that the server generates in a window after the
 * warm-up. A run of so many requests would also measure how its last ones trail off. Throws `BENCH_SIDE_FAILED` when
 * the server does not tell what it generates.
 */
export async function runSteady(
  place: Pick<LoadTarget, 'url' | 'modelId'>,
  loads: () => LoadRequest,
  shape: { readonly concurrency: number; readonly warmMs: number; readonly windowMs: number },
): Promise<SteadyResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: shape.concurrency });
  const target = { ...place, agent };
  let isOver = false;
  let failureCount = 0;
  const client = async (): Promise<void> => {
    while (!isOver) {
      const { outcome } = await measure(target, loads());
      if (outcome !== 'answered' && !isOver) failureCount++;
    }
  };
  const clients = Array.from({ length: shape.concurrency }, client);
  await waited(shape.warmMs);
  const startedAtMs = performance.now();
  const before = await generatedBy(place.url);
  await waited(shape.windowMs);
  const generated = (await generatedBy(place.url)) - before;
  const elapsedMs = performance.now() - startedAtMs;
  isOver = true;
  agent.destroy();
  await Promise.all(clients);
  return { tokensPerSecond: (generated * 1000) / elapsedMs, failureCount };
}

async function generatedBy(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(generatedTokens));
  const value = Number(line?.split(' ').at(-1));
  if (line !== undefined && Number.isFinite(value)) return value;
  throw new BenchError(`read ${url}/metrics: there is no ${generatedTokens}`, {
    code: 'BENCH_SIDE_FAILED',
  });
}

function waited(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
