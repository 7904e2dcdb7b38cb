import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { ServerError } from '../errors.ts';

/** Says how a lock is waited for. */
export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once, when somebody else holds it. */
  readonly onWait?: (holder: string) => void;
  /** How long to wait at most. */
  readonly waitMsMax?: number;
}

interface Holder {
  readonly host: string;
  readonly pid: number;
}

/** The holder shows that it lives by touching the file this often. */
const beatMs = 5_000;
/** A holder that has not been seen for this long is gone: its machine or container ended with it. */
const silenceMsMax = 60_000;
const pollMs = 200;
const hourMs = 3_600_000;

/**
 * Takes the lock file `path`, once nobody living holds it. Dispose of it to let go. Throws `SERVER_MODEL_UNAVAILABLE`
 * when another keeps it longer than `waitMsMax` (an hour by default).
 */
export async function takeLock(path: string, options: LockOptions = {}): Promise<AsyncDisposable> {
  const text = JSON.stringify({ host: hostname(), pid: process.pid, lock: randomUUID() });
  const giveUpMs = performance.now() + (options.waitMsMax ?? hourMs);
  let hasWaited = false;
  for (;;) {
    if (await wroteNew(path, text)) return held(path, text);
    const found = await readLock(path);
    if (found === undefined) continue;
    if (isGone(found)) {
      await removeStale(path, found.text);
      continue;
    }
    if (!hasWaited) options.onWait?.(nameOf(found.holder));
    hasWaited = true;
    if (performance.now() >= giveUpMs) {
      throw new ServerError(`wait for ${path}: ${nameOf(found.holder)} still holds it`, {
        code: 'SERVER_MODEL_UNAVAILABLE',
      });
    }
    await pause(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

async function wroteNew(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function held(path: string, text: string): AsyncDisposable {
  const beat = setInterval(() => {
    const now = new Date();
    // Where the file has gone, the lock's end says so; a beat has nobody to tell.
    utimes(path, now, now).catch(() => undefined);
  }, beatMs);
  beat.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(beat);
      // A holder that was thought dead must not let go what another has taken since.
      const found = await readLock(path);
      if (found?.text === text) await rm(path, { force: true });
    },
  };
}

interface FoundLock {
  readonly text: string;
  readonly holder: Holder | undefined;
  readonly silentMs: number;
}

async function readLock(path: string): Promise<FoundLock | undefined> {
  try {
    const [text, { mtimeMs }] = [await readFile(path, 'utf8'), await stat(path)];
    return { text, holder: parseHolder(text), silentMs: Date.now() - mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { host, pid } = JSON.parse(text) as Partial<Holder>;
    return typeof host === 'string' && Number.isInteger(pid)
      ? { host, pid: Number(pid) }
      : undefined;
  } catch {
    return undefined;
  }
}

function isGone({ holder, silentMs }: FoundLock): boolean {
  if (silentMs > silenceMsMax) return true;
  if (holder === undefined || holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Moves a stale lock away, and back again when meanwhile somebody had put a living one in its place. */
async function removeStale(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // A link, since it never replaces what a third may have put there.
  if ((await readFile(aside, 'utf8')) !== text)
    await link(aside, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  await rm(aside);
}

function nameOf(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process';
  return `process ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`}`;
}
