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
  compiler?: string,
  cache?: string,
): RigPrograms | { readonly unavailable: string } {
  return compilePrograms({
    folder: '.',
    names: ['upstream', 'client'],
    headers: ['rig.h'],
    compiler,
    cache,
  });
}

/** Compiles programs of one file each that lie in a folder of the rig; headers are named from there. */
export function compilePrograms<Name extends string>(step: {
  readonly folder: string;
  readonly names: readonly Name[];
  readonly headers: readonly string[];
  readonly compiler?: string | undefined;
  readonly cache?: string | undefined;
}): Readonly<Record<Name, string>> | { readonly unavailable: string } {
  const { names, compiler = 'cc' } = step;
  const cache = step.cache ?? process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const from = join(sources, step.folder);
  const hash = createHash('sha256');
  for (const name of [...step.headers, ...names.map((program) => `${program}.c`)])
    hash.update(readFileSync(join(from, name)));
  const folder = join(cache, 'millrace', 'rig', hash.digest('hex').slice(0, 16));
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const path = join(folder, name);
    if (existsSync(path)) continue;
    // Under a name of its own until it is whole: others may be compiling the same.
    const part = `${path}.${process.pid}`;
    const args = ['-std=c11', '-O2', '-pthread', '-o', part, join(from, `${name}.c`)];
    const made = spawnSync(compiler, args, { encoding: 'utf8' });
    if (made.status !== 0) {
      const reason = made.error?.message ?? made.stderr.slice(0, 400);
      return {
        unavailable: `compile ${name}.c with ${compiler}: ${reason} (apt-get install gcc libc6-dev)`,
      };
    }
    renameSync(part, path);
  }
  return Object.fromEntries(names.map((name) => [name, join(folder, name)])) as Record<
    Name,
    string
  >;
}
