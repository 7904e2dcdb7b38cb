import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Why processes cannot be kept to cores of their own here, if they cannot. */
export function whyNotPinned(): string | undefined {
  if (availableParallelism() < 2) return 'there is one core only: proxy and rig share it';
  return spawnSync('taskset', ['-V']).status === 0
    ? undefined
    : 'taskset is not installed (apt-get install util-linux): proxy and rig share all cores';
}

/** The command kept to one core, where that can be done; `taskset` becomes the program itself. */
export function pinned(core: number, command: readonly string[]): readonly string[] {
  return whyNotPinned() === undefined ? ['taskset', '-c', String(core), ...command] : command;
}
