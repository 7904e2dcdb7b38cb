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
  /** False: a sequence cannot be moved from one context to another, so there is one context, of its full size. */
  readonly hasPortableSequences: boolean;
}

/** The shortest streams; each further class of streams holds four times as much, the last the whole context. */
const shortestTokens = 512;
const classRatio = 4;
/** The first pool starts with so many streams: memory is taken in full at start, and most machines serve few at a time. */
const slotsAtStart = 8;
/** The smallest number of streams that a pool is created with later on. */
const slotsLeast = 4;
/** Unified: cells per sequence, where the memory suffices. */
const unifiedTokens = 2048;
/** libllama's bound on sequence ids (llama.cpp, src/llama-cparams.h, LLAMA_MAX_SEQ). */
const slotsMax = 256;

/**
 * Divides the memory for keys and values: streams in classes of length, a pool each, growing with demand; or one
 * unified buffer. Sequences of one class share their graphs, so that short ones do not attend over the cells of long ones. Throws `ENGINE_MEMORY_TOO_SMALL` when one sequence would not fit.
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
  return options.layout === 'unified'
    ? [planUnified(options, cellsMax)]
    : planStreams(options, cellsMax);
}

/** Cells of all pools when each has grown to its last size. */
export function cellsAtMost(plans: readonly PoolPlan[]): number {
  return plans.reduce((sum, { initial, growth }) => {
    const last = growth.at(-1);
    return sum + (last === undefined ? initial.cellCount : last * initial.slotTokensMax);
  }, 0);
}

function planUnified(options: PoolPlanOptions, cellsMax: number): PoolPlan {
  const wanted = Math.max(options.contextTokensMax, options.sequencesMax * unifiedTokens);
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
  const classes = classLengths(options);
  let cellsLeft = cellsMax;
  const plans: PoolPlan[] = [];
  // The longest first: at least one stream must hold the whole context.
  for (const [index, tokens] of classes.toReversed().entries()) {
    const share = cellsLeft / (classes.length - index);
    const affordable = Math.max(index === 0 ? 1 : 0, Math.floor(share / tokens));
    const most = Math.min(options.sequencesMax, affordable);
    cellsLeft -= most * tokens;
    const isFirst = index === classes.length - 1;
    if (most > 0)
      plans.unshift(streamPlan(tokens, most, isFirst ? Math.min(slotsAtStart, most) : 0));
  }
  return plans;
}

/** Models whose sequences cannot move between contexts have one class only. */
function classLengths(options: PoolPlanOptions): readonly number[] {
  if (!options.hasPortableSequences) return [options.contextTokensMax];
  const lengths: number[] = [];
  for (let tokens = shortestTokens; tokens < options.contextTokensMax; tokens *= classRatio) {
    lengths.push(tokens);
  }
  return [...lengths, options.contextTokensMax];
}

function streamPlan(slotTokensMax: number, most: number, slotCount: number): PoolPlan {
  const growth: number[] = [];
  for (let count = Math.max(slotCount * 2, slotsLeast); count < most; count *= 2)
    growth.push(count);
  if (most > slotCount) growth.push(most);
  return {
    initial: { layout: 'streams', slotCount, slotTokensMax, cellCount: slotCount * slotTokensMax },
    growth,
  };
}
