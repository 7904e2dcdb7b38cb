import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { Candidate } from './tune-choice.ts';

/** What tuning found, kept beside the model; it holds for this machine and this file only. */
export interface TuneRecord {
  readonly machine: string;
  readonly modelBytes: number;
  readonly chosenPath: string;
  readonly candidates: readonly Candidate[];
}

/** The file to serve for a model: what tuning chose, where it has; undefined where it has not been tuned here. */
export function tunedPath(path: string): string | undefined {
  return readRecord(path)?.chosenPath;
}

function recordPath(path: string): string {
  return `${path}.tuned.json`;
}

/** What is kept for another machine, another file or in another form does not count, and is measured anew. */
export function readRecord(path: string): TuneRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordPath(path), 'utf8')) as TuneRecord;
    const isHere = record.machine.startsWith(processorName()) && Array.isArray(record.candidates);
    return isHere && typeof record.chosenPath === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps what tuning found. */
export async function writeRecord(path: string, record: TuneRecord): Promise<void> {
  await writeFile(`${recordPath(path)}.part`, JSON.stringify(record, null, 2));
  await rename(`${recordPath(path)}.part`, recordPath(path));
}

/** The machine's processors: a record holds for them only. */
export function processorName(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`;
}
