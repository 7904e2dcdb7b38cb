import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServerError } from '../errors.ts';
import { sha256Of } from './checksum.ts';

/** A file to be fetched. */
export interface DownloadJob {
  readonly url: string;
  readonly to: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the file must hash to, when it is known beforehand. */
  readonly sha256?: string;
  readonly onBytes: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches a file over HTTP into `to`, by way of `to.part`, which a later call goes on with. Throws
 * `SERVER_MODEL_UNAVAILABLE` with the reason.
 */
export async function download(job: DownloadJob): Promise<void> {
  const part = `${job.to}.part`;
  const have = await sizeOf(part);
  const response = await request(job, have);
  const isResumed = response.status === 206;
  if (!response.ok || response.body === null) {
    throw failed(job, `the server says ${response.status} ${response.statusText}`);
  }
  const start = isResumed ? have : 0;
  const total = start + Number(response.headers.get('content-length') ?? 0);
  let done = start;
  const body = Readable.fromWeb(response.body);
  body.on('data', (piece: Buffer) => {
    done += piece.length;
    job.onBytes(done, total);
  });
  try {
    await pipeline(body, createWriteStream(part, { flags: isResumed ? 'a' : 'w' }));
  } catch (cause) {
    throw failed(
      job,
      `the transfer broke off after ${done} of ${total} bytes; run it again to go on`,
      cause,
    );
  }
  await accept(job, part);
}

async function accept(job: DownloadJob, part: string): Promise<void> {
  const actual = job.sha256 === undefined ? undefined : await sha256Of(part);
  if (actual !== job.sha256) {
    await rm(part);
    throw failed(job, `its SHA-256 is ${actual}, but must be ${job.sha256}; it was removed`);
  }
  await rename(part, job.to);
}

async function request(job: DownloadJob, have: number): Promise<Response> {
  const range = have > 0 ? { range: `bytes=${have}-` } : {};
  try {
    const response = await fetch(job.url, {
      headers: { ...job.headers, ...range },
      ...(job.signal === undefined ? {} : { signal: job.signal }),
    });
    if (response.status !== 416) return response;
    // What is there is no beginning of the file: begin anew.
    await rm(`${job.to}.part`, { force: true });
    return await fetch(job.url, { headers: { ...job.headers } });
  } catch (cause) {
    const reason =
      cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw failed(job, reason, cause);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

function failed(job: DownloadJob, reason: string, cause?: unknown): ServerError {
  return new ServerError(`fetch ${job.url}: ${reason}`, {
    code: 'SERVER_MODEL_UNAVAILABLE',
    cause,
  });
}
