import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The two programs of the rig, ready to run. */
export interface RigPrograms {
  readonly upstream: string;
  readonly client: string;
}

const sources = join(import.meta.dirname, '..', '..', 'rig');

/** Compiles the rig into the user's cache, once for each state of its sources, or says why not. */
export function compileRig(
  compiler = 'cc',
  cache: string = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
): RigPrograms | { readonly unavailable: string } {
  const hash = createHash('sha256');
  for (const name of ['rig.h', 'upstream.c', 'client.c'])
    hash.update(readFileSync(join(sources, name)));
  const folder = join(cache, 'millrace', 'rig', hash.digest('hex').slice(0, 16));
  const programs = { upstream: join(folder, 'upstream'), client: join(folder, 'client') };
  mkdirSync(folder, { recursive: true });
  for (const [name, path] of Object.entries(programs)) {
    if (existsSync(path)) continue;
    // Under a name of its own until it is whole: others may be compiling the same.
    const part = `${path}.${process.pid}`;
    const args = ['-std=c11', '-O2', '-o', part, join(sources, `${name}.c`)];
    const made = spawnSync(compiler, args, { encoding: 'utf8' });
    if (made.status !== 0) {
      const reason = made.error?.message ?? made.stderr.slice(0, 400);
      return {
        unavailable: `compile ${name}.c with ${compiler}: ${reason} (apt-get install gcc libc6-dev)`,
      };
    }
    renameSync(part, path);
  }
  return programs;
}
