import { assert } from '@millrace/stdx';

/** One sequence's share of a batch. */
export interface BatchEntry {
  /** Index of the slot, libllama's sequence id. */
  readonly slot: number;
  readonly fromPosition: number;
  readonly tokenCount: number;
}

/** One graph that libllama will run. */
export interface MicroBatch {
  readonly tokens: number;
  /** Tokens whose logits are computed. */
  readonly outputs: number;
  /** Cells that each token attends over: the longest stream, in steps of 256. */
  readonly width: number;
}

/** What decides how a batch is cut. */
export interface CutOptions {
  readonly layout: 'streams' | 'unified';
  readonly microBatchTokensMax: number;
  /** Cells in use before the batch; decides the width in the unified layout. */
  readonly cellsUsed: number;
}

/** Cells are attended over in steps of this many (llama.cpp, src/llama-kv-cache.cpp, get_n_kv). */
const widthStep = 256;

interface Rest {
  readonly slot: number;
  position: number;
  left: number;
}

/**
 * The graphs that libllama makes of a batch whose entries stand in ascending order of slot (llama.cpp,
 * src/llama-batch.cpp, split_equal and split_simple). The last token of every entry asks for logits.
 */
export function cutIntoMicroBatches(
  entries: readonly BatchEntry[],
  options: CutOptions,
): readonly MicroBatch[] {
  return options.layout === 'streams' ? cutEqually(entries, options) : cutSimply(entries, options);
}

/** Streams: runs of consecutive slots, the same number of tokens from each. */
function cutEqually(entries: readonly BatchEntry[], options: CutOptions): readonly MicroBatch[] {
  const cuts: MicroBatch[] = [];
  let rests: readonly Rest[] = entries.map((entry) => ({
    slot: entry.slot,
    position: entry.fromPosition,
    left: entry.tokenCount,
  }));
  while (rests.length > 0) {
    const run = firstRun(rests, options.microBatchTokensMax);
    const shortest = run.reduce(
      (least, rest) => Math.min(least, rest.left),
      Number.POSITIVE_INFINITY,
    );
    const fitting = Math.max(1, Math.floor(options.microBatchTokensMax / run.length));
    const each = Math.min(shortest, fitting);
    let outputs = 0;
    let longest = 0;
    for (const rest of run) {
      rest.position += each;
      rest.left -= each;
      longest = Math.max(longest, rest.position);
      if (rest.left === 0) outputs++;
    }
    cuts.push({ tokens: each * run.length, outputs, width: widthOf(longest) });
    rests = rests.filter((rest) => rest.left > 0);
  }
  return cuts;
}

function firstRun(rests: readonly Rest[], lengthMax: number): readonly Rest[] {
  const run: Rest[] = [];
  for (const rest of rests) {
    const last = run.at(-1);
    assert(last === undefined || rest.slot > last.slot, 'entries ascend by slot');
    if (run.length === lengthMax) break;
    if (last !== undefined && rest.slot !== last.slot + 1) break;
    run.push(rest);
  }
  return run;
}

/** Unified: tokens in their order, as many as fit. */
function cutSimply(entries: readonly BatchEntry[], options: CutOptions): readonly MicroBatch[] {
  const cuts: MicroBatch[] = [];
  let tokens = 0;
  let outputs = 0;
  let cellsUsed = options.cellsUsed;
  const close = (): void => {
    if (tokens === 0) return;
    cellsUsed += tokens;
    cuts.push({ tokens, outputs, width: widthOf(cellsUsed) });
    tokens = 0;
    outputs = 0;
  };
  for (const entry of entries) {
    let left = entry.tokenCount;
    while (left > 0) {
      const taken = Math.min(left, options.microBatchTokensMax - tokens);
      tokens += taken;
      left -= taken;
      if (left === 0) outputs++;
      if (tokens === options.microBatchTokensMax) close();
    }
  }
  close();
  return cuts;
}

function widthOf(cells: number): number {
  return Math.max(widthStep, Math.ceil(cells / widthStep) * widthStep);
}
