import { assert } from '@millrace/stdx';
import type { LlamaLibrary, Vocabulary } from '@millrace/llama';
import { tuneText } from './tune-text.ts';

/** What an encoding loses against another one, on a text. */
export interface EncodingLoss {
  /** Mean Kullback-Leibler divergence of the next-token distributions, in nats. */
  readonly meanNats: number;
  /** Share of the places where both think the same token the likeliest. */
  readonly top1Agreement: number;
  /** Places in the text that were compared. */
  readonly tokens: number;
}

/** Says what part of the text is computed. */
export interface DistributionOptions {
  readonly threads: number;
  /** Tokens of the text; by default all of them that there is time and room for. */
  readonly tokens?: number;
  /** The text is left off after this long, but never before its first part. */
  readonly budgetMs?: number;
}

const textTokensMax = 640;
const textTokensMin = 256;
const chunkTokens = 64;
/** The distributions of a text stay in memory to be compared with; a large vocabulary gets a shorter text. */
const distributionBytesMax = 256 * 2 ** 20;

/** Next-token distributions on the fixed text, as natural logarithms of probabilities: one row a token. */
export async function distributionsOf(
  library: LlamaLibrary,
  path: string,
  options: DistributionOptions,
): Promise<readonly Float32Array[]> {
  using model = await library.loadModel(path);
  using context = await model.createContext({
    layout: 'streams',
    sequencesMax: 1,
    cellsPerSequence: textTokensMax,
    batchTokensMax: chunkTokens,
    microBatchTokensMax: chunkTokens,
    outputsMax: chunkTokens,
    threads: options.threads,
  });
  using batch = context.createBatch();
  const tokens = textOf(model.vocabulary, options.tokens ?? textTokensMax);
  const endMs = performance.now() + (options.budgetMs ?? Number.POSITIVE_INFINITY);
  const distributions: Float32Array[] = [];
  for (let from = 0; from < tokens.length; from += chunkTokens) {
    if (from >= textTokensMin && performance.now() > endMs) break;
    batch.clear();
    const chunk = tokens.subarray(from, from + chunkTokens);
    const rows = Array.from(chunk, (token, at) => batch.add(token, from + at, 0, true));
    await context.decode(batch);
    distributions.push(...rows.map((row) => logSoftmax(context.logits(row))));
  }
  return distributions;
}

function textOf(vocabulary: Vocabulary, tokensMax: number): Int32Array {
  const rowBytes = vocabulary.tokenCount * Float32Array.BYTES_PER_ELEMENT;
  const rowsMax = Math.floor(distributionBytesMax / rowBytes);
  return vocabulary
    .tokenize(tuneText, { addSpecial: true, parseSpecial: false })
    .subarray(0, Math.min(tokensMax, rowsMax));
}

function logSoftmax(logits: Float32Array): Float32Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of logits) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - largest);
  const offset = largest + Math.log(sum);
  return logits.map((value) => value - offset);
}

/** What distributions lose against those of the reference, row by row. */
export function lossOf(
  reference: readonly Float32Array[],
  other: readonly Float32Array[],
): EncodingLoss {
  assert(reference.length === other.length, 'both stand for the same text');
  let nats = 0;
  let agreeing = 0;
  for (const [at, row] of reference.entries()) {
    const against = other[at];
    assert(against?.length === row.length, 'both have the same vocabulary');
    nats += divergence(row, against);
    if (likeliest(row) === likeliest(against)) agreeing++;
  }
  return {
    // Rounding of 32-bit numbers can bring equal distributions a hair below zero.
    meanNats: Math.max(0, nats / reference.length),
    top1Agreement: agreeing / reference.length,
    tokens: reference.length,
  };
}

function divergence(reference: Float32Array, other: Float32Array): number {
  let nats = 0;
  for (let token = 0; token < reference.length; token++) {
    const log = reference[token] as number;
    const probability = Math.exp(log);
    if (probability > 0) nats += probability * (log - (other[token] as number));
  }
  return nats;
}

function likeliest(logs: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logs.length; token++) {
    if ((logs[token] as number) > (logs[best] as number)) best = token;
  }
  return best;
}
