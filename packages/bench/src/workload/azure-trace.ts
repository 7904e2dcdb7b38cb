import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededPrng } from '@millrace/stdx';
import { BenchError } from '../errors.ts';
import type { LoadRequest } from '../load/measured-request.ts';
import { wordsOf } from './workloads.ts';

/** A recorded request: when it came and how long it and its answer were. */
export interface RecordedLength {
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** A request and when it is asked. */
export interface Arrival {
  readonly load: LoadRequest;
  readonly atMs: number;
}

/** How recorded lengths become such as a small machine can take. Divided, rounded, then held within the bounds. */
export const azureScale = {
  promptDivisor: 8,
  outputDivisor: 2,
  promptTokensMin: 16,
  promptTokensMax: 512,
  outputTokensMin: 4,
  outputTokensMax: 240,
} as const;

const fileName = 'AzureLLMInferenceTrace_conv.csv';
const header = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const row = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?,(\d+),(\d+)$/;
/** Requests of a trace that are read; what follows is left. */
const requestsMax = 100_000;

/** The Azure conversation trace of this folder, or why there is none. Throws `BENCH_TRACE_INVALID`. */
export function readAzureTrace(
  folder: string | undefined,
): readonly RecordedLength[] | { readonly unavailable: string } {
  if (folder === undefined) return { unavailable: 'no folder of traces is given (--traces)' };
  const path = join(folder, fileName);
  if (!existsSync(path)) return { unavailable: `there is no ${fileName} in the folder of traces` };
  return parseAzureTrace(readFileSync(path, 'utf8'));
}

/** Reads the format of the trace: a header, then a time, prompt tokens and answer tokens a line. */
export function parseAzureTrace(text: string): readonly RecordedLength[] {
  const [first = '', ...lines] = text.split(/\r?\n/);
  if (first !== header) throw invalid(1, first);
  const filled = lines.slice(0, requestsMax).filter((line) => line !== '');
  const requests = filled.map((line, index) => parseRow(line, index + 2));
  const startMs = requests.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
  return requests
    .map((request) => ({ ...request, atMs: request.atMs - startMs }))
    .toSorted((one, other) => one.atMs - other.atMs);
}

function parseRow(line: string, lineNumber: number): RecordedLength {
  const [, day, time, fraction = '', promptTokens, outputTokens] = row.exec(line) ?? [];
  const wholeMs = Date.parse(`${day}T${time}Z`);
  if (Number.isNaN(wholeMs)) throw invalid(lineNumber, line);
  return {
    atMs: wholeMs + Number(`0${fraction}`) * 1000,
    promptTokens: Number(promptTokens),
    outputTokens: Number(outputTokens),
  };
}

function invalid(lineNumber: number, line: string): BenchError {
  const message = `read trace: line ${lineNumber} is not of the form ${header}: ${line.slice(0, 80)}`;
  return new BenchError(message, { code: 'BENCH_TRACE_INVALID' });
}

/** Requests of scaled length from a stretch of the trace, at its own times; `seed` names the stretch and the words. */
export function azureLoads(
  trace: readonly RecordedLength[],
  shape: { readonly seed: number; readonly count: number },
): readonly Arrival[] {
  const random = seededPrng(shape.seed);
  const start = random.below(Math.max(1, trace.length - shape.count + 1));
  const stretch = trace.slice(start, start + shape.count);
  const startMs = stretch[0]?.atMs ?? 0;
  return stretch.map((request, index) => {
    const { promptTokens, outputTokens } = scaledLength(request);
    const mark = `${index} ${shape.seed}`;
    // The mark that keeps prompts apart costs about four tokens.
    const prompt = `${mark} ${wordsOf(random, promptTokens - 4)}`;
    return { load: { prompt, outputTokens }, atMs: request.atMs - startMs };
  });
}

/** Lengths as `azureScale` makes them. */
export function scaledLength(
  request: Pick<RecordedLength, 'promptTokens' | 'outputTokens'>,
): Pick<RecordedLength, 'promptTokens' | 'outputTokens'> {
  const { promptTokensMin, promptTokensMax, outputTokensMin, outputTokensMax } = azureScale;
  const prompt = Math.round(request.promptTokens / azureScale.promptDivisor);
  const output = Math.round(request.outputTokens / azureScale.outputDivisor);
  return {
    promptTokens: Math.min(promptTokensMax, Math.max(promptTokensMin, prompt)),
    outputTokens: Math.min(outputTokensMax, Math.max(outputTokensMin, output)),
  };
}

/** The same arrivals with time stretched evenly to this mean rate: bursts stay bursts. */
export function stretchTo(perSecond: number, arrivals: readonly Arrival[]): readonly Arrival[] {
  const lastMs = arrivals.at(-1)?.atMs ?? 0;
  const wantedMs = (Math.max(0, arrivals.length - 1) * 1000) / perSecond;
  const factor = lastMs === 0 ? 0 : wantedMs / lastMs;
  return arrivals.map(({ load, atMs }) => ({ load, atMs: atMs * factor }));
}
