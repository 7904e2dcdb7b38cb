import { readFileSync } from 'node:fs';
import type { EngineLibraries, TlsPlace } from '@millrace/probes';

/** The engine's libraries that a process has loaded; undefined where it has none, or may not be looked at. */
export function findEngineLibraries(pid: number, procPath = '/proc'): EngineLibraries | undefined {
  const maps = readMaps(pid, procPath);
  if (maps === undefined) return undefined;
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

/** Where a process may have OpenSSL: the library that it has loaded, or else its own program, as node has it. */
export function findTls(pid: number, procPath = '/proc'): TlsPlace | undefined {
  const maps = readMaps(pid, procPath);
  if (maps === undefined) return undefined;
  const library = /\/\S*\/libssl[^/\s]*\.so[.\d]*$/m.exec(maps)?.[0];
  const path =
    library === undefined ? `${procPath}/${pid}/exe` : `${procPath}/${pid}/root${library}`;
  return { pid, path };
}

/** A process may have ended, or be closed to us. */
function readMaps(pid: number, procPath: string): string | undefined {
  try {
    return readFileSync(`${procPath}/${pid}/maps`, 'utf8');
  } catch {
    return undefined;
  }
}
