import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What processes have used since they started. */
export interface ProcessCost {
  readonly processorNs: number;
  readonly residentBytes: number;
}

const pageBytes = 4096;

/** The processor time of all threads that these processes have, and the memory they hold. */
export function readProcessCost(processIds: readonly number[], proc = '/proc'): ProcessCost {
  let processorNs = 0;
  let residentBytes = 0;
  for (const id of processIds) {
    const folder = join(proc, String(id));
    residentBytes += Number(readFileSync(join(folder, 'statm'), 'utf8').split(' ')[1]) * pageBytes;
    for (const thread of readdirSync(join(folder, 'task')))
      processorNs += threadNs(join(folder, 'task', thread, 'schedstat'));
  }
  return { processorNs, residentBytes };
}

/** A thread may end between the listing and the reading: then what it used is lost to us. */
function threadNs(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH') return 0;
    throw error;
  }
}

/** Microseconds of processor time for each of `count` pieces of work done between two readings. */
export function microsecondsEach(before: ProcessCost, after: ProcessCost, count: number): number {
  return (after.processorNs - before.processorNs) / 1000 / count;
}

/** A process with all that it has started: some programs are a script that starts the real one. */
export function processTree(id: number, proc = '/proc'): readonly number[] {
  const folder = join(proc, String(id), 'task');
  const started = readdirSync(folder).flatMap((thread) =>
    readFileSync(join(folder, thread, 'children'), 'utf8')
      .split(' ')
      .filter(Boolean),
  );
  return [id, ...started.flatMap((child) => processTree(Number(child), proc))];
}
