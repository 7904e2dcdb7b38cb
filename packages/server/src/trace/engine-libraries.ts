import { readFileSync } from 'node:fs';
import type { EngineLibraries } from '@millrace/probes';

/** The engine's libraries that a process has loaded; undefined where it has none, or may not be looked at. */
export function findEngineLibraries(pid: number, procPath = '/proc'): EngineLibraries | undefined {
  let maps: string;
  try {
    maps = readFileSync(`${procPath}/${pid}/maps`, 'utf8');
  } catch {
    return undefined;
  }
  const llama = /\/\S*\/libllama[^/\s]*\.so[.\d]*$/m.exec(maps)?.[0];
  const cuda = /\/\S*\/libcuda\.so[.\d]*$/m.exec(maps)?.[0];
  if (llama === undefined && cuda === undefined) return undefined;
  // The process may see other files than we do.
  const root = `${procPath}/${pid}/root`;
  return {
    pid,
    ...(llama === undefined ? {} : { llamaPath: `${root}${llama}` }),
    ...(cuda === undefined ? {} : { cudaPath: `${root}${cuda}` }),
  };
}
