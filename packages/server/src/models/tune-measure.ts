import type { Context, LlamaLibrary, Model } from '@millrace/llama';
import { tuneText } from './tune-text.ts';

/** How fast an encoding is on this machine, in tokens per second. */
export interface EncodingSpeed {
  readonly prefill: number;
  readonly decode1: number;
  readonly decode8: number;
  readonly decode32: number;
}

const textTokens = 192;
const prefillTokens = 512;
const repeats = 3;
const cellsPerSequence = 640;

/** Measures an encoding's speed: medians of a few runs of each shape. */
export async function measureSpeed(
  library: LlamaLibrary,
  path: string,
  threads: number,
): Promise<EncodingSpeed> {
  using model = await library.loadModel(path);
  using context = await model.createContext({
    layout: 'streams',
    sequencesMax: 32,
    cellsPerSequence,
    batchTokensMax: prefillTokens,
    microBatchTokensMax: prefillTokens,
    outputsMax: 32,
    threads,
  });
  await timeMs(context, { sequences: 1, tokens: 8 });
  return {
    prefill: await tokensPerSecond(context, { sequences: 1, tokens: prefillTokens }),
    decode1: await tokensPerSecond(context, { sequences: 1, tokens: 1 }),
    decode8: await tokensPerSecond(context, { sequences: 8, tokens: 1 }),
    decode32: await tokensPerSecond(context, { sequences: 32, tokens: 1 }),
  };
}

interface Shape {
  readonly sequences: number;
  readonly tokens: number;
}

async function tokensPerSecond(context: Context, shape: Shape): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < repeats; run++) times.push(await timeMs(context, shape));
  const middle = times.toSorted((one, other) => one - other)[repeats >> 1] as number;
  return (shape.sequences * shape.tokens * 1000) / middle;
}

async function timeMs(context: Context, { sequences, tokens }: Shape): Promise<number> {
  using batch = context.createBatch();
  for (let sequence = 0; sequence < sequences; sequence++) {
    for (let at = 0; at < tokens; at++) batch.add(100 + at, at, sequence, at === tokens - 1);
  }
  const fromMs = performance.now();
  await context.decode(batch);
  const elapsedMs = performance.now() - fromMs;
  context.clear();
  return elapsedMs;
}

/** Next-token distributions on the fixed text, as natural-log probabilities: one row a token. */
export async function distributionsOf(
  library: LlamaLibrary,
  path: string,
  threads: number,
): Promise<readonly Float32Array[]> {
  using model = await library.loadModel(path);
  return await distributions(model, threads);
}

async function distributions(model: Model, threads: number): Promise<readonly Float32Array[]> {
  const tokens = model.vocabulary
    .tokenize(tuneText, { addSpecial: true, parseSpecial: false })
    .subarray(0, textTokens);
  using context = await model.createContext({
    layout: 'streams',
    sequencesMax: 1,
    cellsPerSequence,
    batchTokensMax: textTokens,
    microBatchTokensMax: textTokens,
    threads,
  });
  using batch = context.createBatch();
  const rows = Array.from(tokens, (token, at) => batch.add(token, at, 0, true));
  await context.decode(batch);
  return rows.map((row) => logSoftmax(context.logits(row)));
}

function logSoftmax(logits: Float32Array): Float32Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of logits) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - largest);
  const offset = largest + Math.log(sum);
  return logits.map((value) => value - offset);
}

/** Mean Kullback-Leibler divergence of `other` from `reference` over the rows, in nats. */
export function meanDivergence(
  reference: readonly Float32Array[],
  other: readonly Float32Array[],
): number {
  let total = 0;
  for (const [at, row] of reference.entries()) {
    const against = other[at] as Float32Array;
    for (let token = 0; token < row.length; token++) {
      const log = row[token] as number;
      const probability = Math.exp(log);
      if (probability > 0) total += probability * (log - (against[token] as number));
    }
  }
  return total / reference.length;
}
