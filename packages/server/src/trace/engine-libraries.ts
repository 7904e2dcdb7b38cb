import { globSync, readFileSync, statSync } from 'node:fs';
import { findLlamaFile } from '@millrace/llama';
import type { EngineLibraries, TlsPlace } from '@millrace/probes';

/** The engine's libraries that a process has loaded; undefined where it has none, or may not be looked at. */
export function findEngineLibraries(pid: number, procPath = '/proc'): EngineLibraries | undefined {
  const maps = readMaps(pid, procPath);
  if (maps === undefined) return undefined;
  const llama = /\/\S*\/libllama(?:\.\w[\w.]*)?\.so[.\d]*$/m.exec(maps)?.[0];
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
export function findTls(pid: number, procPath = '/proc'): Required<TlsPlace> | undefined {
  const maps = readMaps(pid, procPath);
  if (maps === undefined) return undefined;
  const library = /\/\S*\/libssl[^/\s]*\.so[.\d]*$/m.exec(maps)?.[0];
  const path =
    library === undefined ? `${procPath}/${pid}/exe` : `${procPath}/${pid}/root${library}`;
  return { pid, path };
}

/**
 * Whom a probe of user space reaches: the processes that are known, or whoever uses their files, so that no privilege is
 * needed any more for those that start later.
 */
export type Reach = 'by-process' | 'by-file';

/** Where programs that start later are most likely to have OpenSSL: the system's library, and this very node. */
export function usualTlsFiles(): readonly string[] {
  const folders = ['/usr/lib/*-linux-gnu*', '/usr/lib64', '/usr/lib', '/usr/local/lib*'];
  return [...globSync(folders.map((folder) => `${folder}/libssl.so.*`)), process.execPath];
}

/** Where the engines that Millrace itself starts have libllama; undefined where it is not installed. */
export function ownLlamaFile(): string | undefined {
  try {
    return findLlamaFile();
  } catch {
    return undefined;
  }
}

/** The same for every path to a file; undefined where there is none. */
export function fileIdentity(path: string): string | undefined {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined ? undefined : `${file.dev}:${file.ino}`;
}

/** A process may have ended, or be closed to us. */
function readMaps(pid: number, procPath: string): string | undefined {
  try {
    return readFileSync(`${procPath}/${pid}/maps`, 'utf8');
  } catch {
    return undefined;
  }
}
