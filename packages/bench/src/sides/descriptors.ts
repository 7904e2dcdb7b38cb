import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Enough for every load. */
const manyDescriptors = 262_144;
/** Those that a proxy has besides connections, and those that have ended and are not closed yet. */
const otherDescriptors = 200;

/** Files that a program which is started here may be given: as many as all loads need, or the system's limit. */
export function descriptorsAllowed(limits?: string): number {
  const limit = hardLimit(limits ?? readFileSync('/proc/self/limits', 'utf8'));
  if (limit >= manyDescriptors) return manyDescriptors;
  const canRaise = spawnSync('prlimit', [raised(manyDescriptors), 'true']).status === 0;
  return canRaise ? manyDescriptors : limit;
}

/** Streams that a proxy can hold with so many files: each takes one for the client and one for the upstream. */
export function streamsWithin(descriptors: number): number {
  return Math.max(1, Math.floor((descriptors - otherDescriptors) / 2));
}

/** The command with as many files as it may have; as it was where there is no `prlimit`. */
export function withDescriptors(command: readonly string[]): readonly string[] {
  const raise = raised(descriptorsAllowed());
  const canSet = spawnSync('prlimit', [raise, 'true']).status === 0;
  return canSet ? ['prlimit', raise, ...command] : command;
}

function raised(count: number): string {
  return `--nofile=${count}:${count}`;
}

function hardLimit(limits: string): number {
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/mu.exec(limits) ?? [];
  return hard === undefined || hard === 'unlimited' ? Infinity : Number(hard);
}
