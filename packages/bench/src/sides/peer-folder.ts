import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a peer is installed: in the user's cache, outside of the clone. */
export function peerFolder(name: string): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'millrace', 'peers', name);
}

/** A step of an installation, and how long it may take. */
export interface InstallStep {
  readonly command: readonly string[];
  readonly minutesMax: number;
  readonly folder?: string;
}

/** Runs steps one after the other; why the first that failed did, if one did. */
export function runSteps(steps: readonly InstallStep[]): string | undefined {
  for (const { command, minutesMax, folder } of steps) {
    const [program = '', ...args] = command;
    const done = spawnSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      timeout: minutesMax * 60_000,
    });
    if (done.status === 0) continue;
    const said = done.error?.message ?? (done.stderr.trim() || done.stdout.trim());
    return `${program} ${args[0] ?? ''}: ${said.slice(-300)}`;
  }
  return undefined;
}
