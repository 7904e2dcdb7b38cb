import { EngineError } from '../errors.ts';
import type { KvLayout } from './prefix.ts';
import type { PoolShape } from './slot-pool.ts';

/** A pool as it starts, and the sizes it may grow to. */
export interface PoolPlan {
  readonly initial: PoolShape;
  /** Slot counts after the initial one, ascending; empty when the pool does not grow. */
  readonly growth: readonly number[];
}

/** What the pools are planned from. */
export interface PoolPlanOptions {
  readonly layout: KvLayout;
  readonly sequencesMax: number;
  readonly contextTokensMax: number;
  readonly kvBytesPerToken: number;
  readonly kvBytesMax: number;
}

/** Most conversations fit into a stream of this many cells; longer ones get a stream of the whole context. */
const shortTokens = 2048;
/** A pool starts with so many streams: memory is taken in full at start, and most machines serve few at a time. */
const shortSlotsAtStart = 8;
const longSlotsAtStart = 2;
/** Memory left to short streams where there are long ones too. */
const shortShare = 0.6;
/** libllama's bound on sequence ids (llama.cpp, src/llama-cparams.h, LLAMA_MAX_SEQ). */
const slotsMax = 256;

/**
 * Divides the memory for keys and values: short streams for most sequences, a few as long as the context, both
 * growing with demand; or one unified buffer. Throws `ENGINE_MEMORY_TOO_SMALL` when one sequence would not fit.
 */
export function planPools(options: PoolPlanOptions): readonly PoolPlan[] {
  const cellsMax = Math.floor(options.kvBytesMax / options.kvBytesPerToken);
  if (cellsMax < options.contextTokensMax) {
    const needed = options.contextTokensMax * options.kvBytesPerToken;
    throw new EngineError(
      `plan the KV cache: a context of ${options.contextTokensMax} tokens needs ${needed} bytes, ` +
        `kvBytesMax is ${options.kvBytesMax}; allow more memory or a shorter context`,
      { code: 'ENGINE_MEMORY_TOO_SMALL' },
    );
  }
  return options.layout === 'unified' ? [planUnified(options, cellsMax)] : planStreams(options, cellsMax);
}

function planUnified(options: PoolPlanOptions, cellsMax: number): PoolPlan {
  const wanted = Math.max(options.contextTokensMax, options.sequencesMax * shortTokens);
  return {
    initial: {
      layout: 'unified',
      slotCount: Math.min(slotsMax, options.sequencesMax * 2),
      slotTokensMax: options.contextTokensMax,
      cellCount: Math.min(cellsMax, wanted),
    },
    growth: [],
  };
}

function planStreams(options: PoolPlanOptions, cellsMax: number): readonly PoolPlan[] {
  const { contextTokensMax, sequencesMax } = options;
  if (contextTokensMax <= shortTokens) {
    const most = Math.min(sequencesMax, Math.floor(cellsMax / contextTokensMax));
    return [streamPlan(contextTokensMax, most, Math.min(shortSlotsAtStart, most))];
  }
  const longMost = Math.max(1, Math.floor((cellsMax * (1 - shortShare)) / contextTokensMax));
  const longCount = Math.min(sequencesMax, longMost);
  const shortCells = cellsMax - longCount * contextTokensMax;
  const shortCount = Math.min(sequencesMax, Math.floor(shortCells / shortTokens));
  const long = streamPlan(contextTokensMax, longCount, 0);
  if (shortCount === 0) return [long];
  return [streamPlan(shortTokens, shortCount, Math.min(shortSlotsAtStart, shortCount)), long];
}

function streamPlan(slotTokensMax: number, most: number, atStart: number): PoolPlan {
  const growth: number[] = [];
  for (let count = Math.max(atStart * 4, longSlotsAtStart); count < most; count *= 2) growth.push(count);
  if (most > atStart) growth.push(most);
  const slotCount = atStart;
  return {
    initial: { layout: 'streams', slotCount, slotTokensMax, cellCount: slotCount * slotTokensMax },
    growth,
  };
}
