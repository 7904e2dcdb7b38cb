import type { Context, LlamaLibrary, Model } from '@millrace/llama';

/** Tokens per second over the rounds. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** How fast an encoding is on this machine. */
export interface EncodingSpeed {
  readonly prefill: Spread;
  readonly decode1: Spread;
  readonly decode8: Spread;
  readonly decode32: Spread;
}

/** One round's tokens per second. */
export type Round = Readonly<Record<keyof EncodingSpeed, number>>;

/** What is computed in one step, and how often in a round. */
interface Shape {
  readonly sequences: number;
  readonly tokens: number;
  readonly steps: number;
}

const prefillTokens = 512;
const sequencesMax = 32;
/** Cells are rounded up to so many by libllama. */
const decodeCells = 256;

/** Memory for keys and values that measuring takes, in tokens. */
export const measuredTokensMax: number = sequencesMax * decodeCells + prefillTokens;

const decodeShapes = {
  decode1: { sequences: 1, tokens: 1, steps: 16 },
  decode8: { sequences: 8, tokens: 1, steps: 6 },
  decode32: { sequences: 32, tokens: 1, steps: 4 },
} as const satisfies Record<string, Shape>;

/** Loads a model, measures each shape, and frees it: rounds of several models are taken in turns, one in memory at a time. */
export async function measureRound(
  library: LlamaLibrary,
  path: string,
  threads: number,
): Promise<Round> {
  using model = await library.loadModel(path);
  const prefill = await measurePrefill(model, threads);
  using context = await model.createContext({
    layout: 'streams',
    sequencesMax,
    cellsPerSequence: decodeCells,
    batchTokensMax: sequencesMax,
    microBatchTokensMax: sequencesMax,
    threads,
  });
  return {
    prefill,
    decode1: await tokensPerSecond(context, decodeShapes.decode1),
    decode8: await tokensPerSecond(context, decodeShapes.decode8),
    decode32: await tokensPerSecond(context, decodeShapes.decode32),
  };
}

async function measurePrefill(model: Model, threads: number): Promise<number> {
  using context = await model.createContext({
    layout: 'streams',
    sequencesMax: 1,
    cellsPerSequence: prefillTokens,
    batchTokensMax: prefillTokens,
    microBatchTokensMax: prefillTokens,
    outputsMax: 1,
    threads,
  });
  // The first pass touches memory that later ones find touched.
  await tokensPerSecond(context, { sequences: 1, tokens: prefillTokens / 8, steps: 1 });
  context.clear();
  return await tokensPerSecond(context, { sequences: 1, tokens: prefillTokens, steps: 1 });
}

/** Extends the sequences step by step; by the median step. */
async function tokensPerSecond(context: Context, shape: Shape): Promise<number> {
  const { sequences, tokens, steps } = shape;
  using batch = context.createBatch();
  const timesMs: number[] = [];
  for (let step = 0; step < steps; step++) {
    batch.clear();
    for (let sequence = 0; sequence < sequences; sequence++) {
      for (let at = 0; at < tokens; at++)
        batch.add(100 + at, step * tokens + at, sequence, at === tokens - 1);
    }
    const fromMs = performance.now();
    await context.decode(batch);
    timesMs.push(performance.now() - fromMs);
  }
  context.clear();
  return (sequences * tokens * 1000) / spreadOf(timesMs).median;
}

/** The rounds of one encoding as medians with their spread. */
export function speedOf(rounds: readonly Round[]): EncodingSpeed {
  const over = (shape: keyof EncodingSpeed): Spread =>
    spreadOf(rounds.map((round) => round[shape]));
  return {
    prefill: over('prefill'),
    decode1: over('decode1'),
    decode8: over('decode8'),
    decode32: over('decode32'),
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { median, least: at(0), most: at(sorted.length - 1) };
}
