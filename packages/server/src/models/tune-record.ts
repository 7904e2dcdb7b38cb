import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Candidate } from './tune-choice.ts';

/** What a tuning holds for: this file, these processors, this libllama. */
export interface TuneKey {
  readonly modelSha256: string;
  readonly processors: string;
  readonly libraryVersion: string;
}

/** What tuning came to. Without `servedPath` the file is served as it is, for `reason`. */
export interface TuneRecord {
  readonly key: TuneKey;
  readonly servedPath?: string;
  readonly reason: string;
  /** Rounds of measuring that the medians are over. */
  readonly rounds: number;
  readonly candidates: readonly Candidate[];
}

/** The key of a tuning on this machine. */
export function tuneKey(modelSha256: string, libraryVersion: string): TuneKey {
  return { modelSha256, processors: describeProcessors(), libraryVersion };
}

/** True when a record holds for the key. */
export function holdsFor(record: TuneRecord, key: TuneKey): boolean {
  return (
    record.key.modelSha256 === key.modelSha256 &&
    record.key.processors === key.processors &&
    record.key.libraryVersion === key.libraryVersion
  );
}

/** A record out of parsed JSON; undefined where it has not this form. */
export function parseTuneRecord(value: unknown): TuneRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { key, candidates, rounds, reason, servedPath } = value as Partial<TuneRecord>;
  const isRight =
    typeof key === 'object' &&
    Array.isArray(candidates) &&
    candidates.every(isCandidate) &&
    Number.isInteger(rounds) &&
    typeof reason === 'string' &&
    ['undefined', 'string'].includes(typeof servedPath);
  return isRight ? (value as TuneRecord) : undefined;
}

function isCandidate(value: unknown): boolean {
  const { encoding, sizeBytes, loss, speed } = (value ?? {}) as Partial<Candidate>;
  return (
    typeof encoding === 'string' &&
    Number.isFinite(sizeBytes) &&
    typeof loss === 'object' &&
    (speed === undefined || typeof speed.prefill?.median === 'number')
  );
}

/** The processors in words. Virtual machines share names across generations, so Linux's model numbers are added. */
function describeProcessors(): string {
  const all = cpus();
  return [`${all.length} × ${all[0]?.model.trim() ?? 'unknown'}`, ...linuxModelNumbers()].join(
    ', ',
  );
}

function linuxModelNumbers(): readonly string[] {
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const found = /^cpu family\s*: (\d+)\nmodel\s*: (\d+)$/m.exec(text);
    return found === null ? [] : [`family ${found[1]} model ${found[2]}`];
  } catch {
    // Other systems have no such file, and their names tell processors apart.
    return [];
  }
}
