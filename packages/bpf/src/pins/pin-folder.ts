import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '@millrace/stdx';
import { BpfError } from '../errors.ts';

/** Where bpffs is by custom. */
export const bpffsPath = '/sys/fs/bpf';
/** The version is of the layout below it. */
const ourFolder = join('millrace', 'v1');
const nameForm = /^[\w-]{1,64}$/;
/** Names carry the process that they are for and when it started, so that what nobody owns can be told. */
const ownedForm = /^([\w-]+)\+(\d+)\+(\d+)$/;

export type PinKind = 'maps' | 'links';

export interface PinFolderOptions {
  /** What it is for; shows in its path. */
  readonly name: string;
  /** The process whose end makes the folder stale; this one where it is absent. */
  readonly pid?: number;
  /** Where bpffs is mounted, `/sys/fs/bpf` where it is absent. */
  readonly mount?: string;
}

/** A folder in bpffs that keeps maps and links alive, for one process and who reads after it. */
export class PinFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder, which must not be there. Throws `BPF_PIN_FAILED`. */
  create(): void {
    try {
      const parent = dirname(this.path);
      // As in bpffs itself: whoever owns a folder may remove it, and nobody else's.
      if (mkdirSync(parent, { recursive: true }) !== undefined) chmodSync(parent, 0o1777);
      mkdirSync(this.path, { mode: 0o700 });
      for (const kind of ['maps', 'links']) mkdirSync(join(this.path, kind), { mode: 0o700 });
    } catch (cause) {
      throw failed(`make pin folder ${this.path}: ${messageOf(cause)}`, cause);
    }
  }

  /** Path of a pin. Throws `BPF_PIN_FAILED` for a name that bpffs does not take. */
  pathOf(kind: PinKind, name: string): string {
    // bpffs allows no dots: `.rodata` is pinned without its own.
    const plain = name.replaceAll('.', '_');
    if (!nameForm.test(plain)) throw failed(`pin "${name}": allowed are 1 to 64 of [A-Za-z0-9_.-]`);
    return join(this.path, kind, plain);
  }

  list(kind: PinKind): readonly string[] {
    try {
      return readdirSync(join(this.path, kind)).toSorted();
    } catch (cause) {
      throw failed(`list pins of ${this.path}: ${messageOf(cause)}`, cause);
    }
  }

  /** Gives the folder and all its pins to a user. */
  giveTo({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
    for (const kind of ['maps', 'links'] as const) {
      for (const name of this.list(kind)) chownSync(join(this.path, kind, name), uid, gid);
      chownSync(join(this.path, kind), uid, gid);
    }
    chownSync(this.path, uid, gid);
  }

  /** Removes the pins and the folder; how many pins. */
  remove(): number {
    const count = removeTree(this.path);
    for (
      let at = dirname(this.path);
      basename(at) !== 'bpf' && removeWhereEmpty(at);
      at = dirname(at)
    );
    return count;
  }
}

/** The folder for a name and a process; nothing is made yet. */
export function pinFolderFor({
  name,
  pid = process.pid,
  mount = bpffsPath,
}: PinFolderOptions): PinFolder {
  if (!/^[\w-]{1,32}$/.test(name))
    throw failed(`name a pin folder "${name}": allowed are 1 to 32 of [A-Za-z0-9_-]`);
  const started = startOf(pid);
  if (started === undefined) throw failed(`make a pin folder for process ${pid}: there is none`);
  return new PinFolder(join(mount, ourFolder, `${name}+${pid}+${started}`));
}

/** A folder of ours that was found. */
export interface FoundFolder {
  readonly folder: PinFolder;
  readonly name: string;
  readonly pid: number;
  /** Whether the process that it is for still runs. */
  readonly isOwned: boolean;
}

/** All folders of ours, of this version of the layout. */
export function findPinFolders(mount: string = bpffsPath): readonly FoundFolder[] {
  const root = join(mount, ourFolder);
  return entriesOf(root).flatMap((entry) => {
    const [, name = entry, pid, started] = ownedForm.exec(entry) ?? [];
    const isOwned = pid !== undefined && startOf(Number(pid)) === started;
    return [{ folder: new PinFolder(join(root, entry)), name, pid: Number(pid ?? 0), isOwned }];
  });
}

/** Removes the folders whose processes are gone, as a crash leaves them; their names. */
export function sweepPins(mount: string = bpffsPath): readonly string[] {
  return findPinFolders(mount)
    .filter(({ isOwned }) => !isOwned)
    .map(({ folder, name }) => {
      folder.remove();
      return name;
    });
}

/** Removes everything of ours in bpffs, of any version of the layout; how many pins. */
export function removeAllPins(mount: string = bpffsPath): number {
  return removeTree(join(mount, 'millrace'));
}

/** When a process started, in ticks since the machine did (proc(5), field 22 of stat); undefined where it is gone. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; fields are counted from behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function entriesOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw failed(`look into ${path}: ${messageOf(cause)}`, cause);
  }
}

function removeWhereEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (cause) {
    // Others have pins there, or it is not ours to remove.
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (['ENOTEMPTY', 'EPERM', 'EACCES', 'EBUSY', 'ENOENT'].includes(code)) return false;
    throw failed(`remove ${path}: ${messageOf(cause)}`, cause);
  }
}

/** Children first. What somebody else removes meanwhile is as good as removed. */
function removeTree(path: string): number {
  let count = 0;
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) count += removeTree(join(path, entry.name));
      else {
        unlinkSync(join(path, entry.name));
        count += 1;
      }
    }
    rmdirSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return count;
    throw failed(`remove pins at ${path}: ${messageOf(cause)}`, cause);
  }
  return count;
}

function failed(message: string, cause?: unknown): BpfError {
  return new BpfError(message, {
    code: 'BPF_PIN_FAILED',
    ...(cause === undefined ? {} : { cause }),
  });
}
