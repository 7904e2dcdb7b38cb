import { readFileSync } from 'node:fs';
import { BenchError } from '../errors.ts';

/** Tokens that a block of the trace stands for. */
export const tokensPerBlock = 512;

/** A request of recorded traffic, whose prompt is known by names of its blocks. */
export interface TraceRequest {
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly blocks: readonly number[];
}

/** Reads a trace in the format of Mooncake: one JSON object a line, times in milliseconds. */
export function readPrefixTrace(path: string): readonly TraceRequest[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, index + 1)]))
    .toSorted((one, other) => one.atMs - other.atMs);
}

/** One line of a trace. */
export function parseLine(line: string, lineNumber: number): TraceRequest {
  const parsed = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const { timestamp, input_length, output_length, hash_ids } = parsed;
  if (
    typeof timestamp === 'number' &&
    typeof input_length === 'number' &&
    typeof output_length === 'number' &&
    Array.isArray(hash_ids) &&
    hash_ids.every((id): id is number => Number.isInteger(id))
  ) {
    return {
      atMs: timestamp,
      promptTokens: input_length,
      outputTokens: output_length,
      blocks: hash_ids,
    };
  }
  throw new BenchError(`read trace: line ${lineNumber} is no request: ${line.slice(0, 80)}`, {
    code: 'BENCH_TRACE_INVALID',
  });
}
