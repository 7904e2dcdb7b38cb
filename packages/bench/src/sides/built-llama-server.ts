import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { findLibraryFolder } from '@millrace/llama';
import { peerFolder, runSteps } from './peer-folder.ts';

/** A program, or why there is none. */
export type Built = { readonly program: string } | { readonly unavailable: string };

const recipe = join(import.meta.dirname, '..', '..', 'rig', 'llama-server');

/**
 * llama.cpp's own server, compiled from the source that travels with the libraries that Millrace loads and linked to a
 * copy of these very libraries: what differs is the server alone. Some minutes, once; kept in the user's cache.
 */
export function buildLlamaServer(onProgress: (text: string) => void): Built {
  const libraries = findLibraryFolder('cpu');
  const version = versionAbove(libraries);
  const folder = peerFolder(`llama-server-${version}`);
  const program = join(folder, 'build', 'llama-server');
  const mark = join(folder, 'millrace-built');
  if (existsSync(mark)) return { program };
  onProgress(`building llama-server against libllama of node-llama-cpp ${version} (some minutes)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const own = join(folder, 'libraries');
  cpSync(libraries, own, { recursive: true });
  const source = join(folder, 'source');
  const build = join(folder, 'build');
  const problem = runSteps([
    { command: ['npm', 'pack', '--silent', `node-llama-cpp@${version}`], minutesMax: 5, folder },
    { command: ['tar', '-xzf', `node-llama-cpp-${version}.tgz`], minutesMax: 1, folder },
    {
      command: ['git', 'clone', '--quiet', join('package', 'llama', 'gitRelease.bundle'), source],
      minutesMax: 2,
      folder,
    },
    {
      command: ['cmake', '-S', recipe, '-B', build, `-DSOURCE=${source}`, `-DLIBRARIES=${own}`],
      minutesMax: 2,
    },
    {
      command: ['cmake', '--build', build, '--parallel', String(availableParallelism())],
      minutesMax: 40,
    },
  ]);
  if (problem !== undefined) return { unavailable: problem };
  writeFileSync(mark, `${version}\n`);
  return { program };
}

/** The version in the nearest package.json above a folder. */
function versionAbove(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'package.json');
    if (existsSync(path)) {
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string };
      return version;
    }
  }
}
