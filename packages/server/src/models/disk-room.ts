import { statfs } from 'node:fs/promises';
import { ServerError } from '../errors.ts';

/** Left free beside what is to be written, so that the machine's other programs do not run dry. */
const reserveBytes = 64 * 2 ** 20;

/** Throws `SERVER_MODEL_UNAVAILABLE` when a folder's disk has no room for so many bytes. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes + reserveBytes) return;
  throw new ServerError(
    `write ${mebibytes(bytes)} MiB to ${folder}: its disk has ${mebibytes(free)} MiB free, and ${mebibytes(reserveBytes)} MiB ` +
      'must stay so; free room there, or set MILLRACE_CACHE to another folder',
    { code: 'SERVER_MODEL_UNAVAILABLE' },
  );
}

function mebibytes(bytes: number): string {
  return Math.ceil(bytes / 2 ** 20).toString();
}
