import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { BpfError } from '../errors.ts';
import { dropPrivileges, type Identity } from '../sys/credentials.ts';

/** The user that owns nothing (uid 65534 everywhere). */
export const nobody: Identity = { uid: 65_534, gid: 65_534 };

/** What this process becomes. */
export interface ReaderProgram {
  /** Arguments of Node: the script, then its own. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Who it runs as; the same user where it is absent. */
  readonly identity?: Identity;
}

/**
 * Replaces this process by one that has no capabilities and cannot get any, not even by executing a program that is
 * privileged. All its threads are new, so none is left that has. Throws `BPF_PRIVILEGE_FAILED`; the process must end then.
 */
export function becomeReader({ args, env, identity }: ReaderProgram): never {
  dropPrivileges(identity);
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    if (new RegExp(`^${set}:\\s*0+$`, 'm').test(status)) continue;
    throw failed(`drop privileges: set ${set} is not empty`);
  }
  if (process.execve === undefined)
    throw failed('drop privileges: this Node cannot replace itself');
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...args], env);
  throw failed('drop privileges: the process was not replaced');
}

/**
 * Who a reader should run as: nobody, where this process is root and nobody can read these files; otherwise the user who it
 * runs as already, undefined.
 */
export function readerIdentity(paths: readonly string[]): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return paths.every((path) => canOthersRead(path)) ? nobody : undefined;
}

function canOthersRead(path: string): boolean {
  const [others, search] = [constants.S_IROTH, constants.S_IXOTH];
  accessSync(path);
  for (let at = path, needed = others; ; at = dirname(at), needed = search) {
    if ((statSync(at).mode & needed) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

function failed(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_PRIVILEGE_FAILED' });
}
