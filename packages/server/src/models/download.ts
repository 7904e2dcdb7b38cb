import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ServerError } from '../errors.ts';
import { sha256Of } from './checksum.ts';
import { requireRoom } from './disk-room.ts';
import { readPartOrigin, removePart, writePartOrigin } from './part-origin.ts';

/** A file to be fetched. */
export interface DownloadJob {
  readonly url: string;
  readonly to: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the file must hash to, when it is known beforehand. */
  readonly sha256?: string | undefined;
  readonly onBytes: (done: number, total: number) => void;
  /** Told why a transfer is tried again. */
  readonly onRetry?: (reason: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Without a byte for this long a transfer counts as broken. */
  readonly idleMsMax?: number;
  /** Pauses before the second, third, … try. */
  readonly pausesMs?: readonly number[];
}

const idleMsMaxDefault = 60_000;
const pausesMsDefault: readonly number[] = [1_000, 4_000, 15_000];
const statusMends: Readonly<Record<number, string>> = {
  401: '; set HF_TOKEN if it needs an account',
  403: '; set HF_TOKEN to a token that may read it',
  404: '; is the name right?',
};

/** How one transfer ended: `broken` may be gone on with. */
type Transfer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'broken'; readonly reason: string; readonly cause?: unknown };

/**
 * Fetches a file over HTTP into `to`, by way of `to.part`, which a later call goes on with. Resolves to its SHA-256.
 * Throws `SERVER_MODEL_UNAVAILABLE` with the reason.
 */
export async function download(job: DownloadJob): Promise<string> {
  const part = partOf(job);
  const hadPart = (await sizeOf(part)) > 0;
  await transferAll(job);
  let actual = await sha256Of(part);
  if (job.sha256 !== undefined && actual !== job.sha256 && hadPart) {
    // The old beginning may be what is wrong.
    await removePart(job.to);
    await transferAll(job);
    actual = await sha256Of(part);
  }
  if (job.sha256 !== undefined && actual !== job.sha256) {
    await removePart(job.to);
    throw failed(job, `its SHA-256 is ${actual}, but must be ${job.sha256}; it was removed`);
  }
  await rename(part, job.to);
  await removePart(job.to);
  return actual;
}

async function transferAll(job: DownloadJob): Promise<void> {
  const pausesMs = job.pausesMs ?? pausesMsDefault;
  for (let tries = 0; ; tries++) {
    const transfer = await transferOnce(job);
    if (transfer.kind === 'whole') return;
    const pauseMs = pausesMs[tries];
    if (pauseMs === undefined || job.signal?.aborted === true) {
      throw failed(job, `${transfer.reason}; run it again to go on from there`, transfer.cause);
    }
    job.onRetry?.(transfer.reason);
    // An abort shows in the next try, which then fails at once.
    await pause(pauseMs, undefined, job.signal === undefined ? {} : { signal: job.signal }).catch(
      () => undefined,
    );
  }
}

async function transferOnce(job: DownloadJob): Promise<Transfer> {
  const have = await sizeOf(partOf(job));
  const idle = new AbortController();
  const idleMsMax = job.idleMsMax ?? idleMsMaxDefault;
  const timer = setTimeout(
    () => idle.abort(new Error(`no byte came for ${idleMsMax} ms`)),
    idleMsMax,
  );
  const signals = job.signal === undefined ? [idle.signal] : [idle.signal, job.signal];
  try {
    const response = await fetch(job.url, {
      headers: await requestHeaders(job, have),
      signal: AbortSignal.any(signals),
    });
    if (response.status === 206 || response.ok)
      return await receive(job, { response, have, onBytes: () => timer.refresh() });
    await response.body?.cancel();
    return await judgeRefusal(job, response, have);
  } catch (cause) {
    if (cause instanceof ServerError) throw cause;
    return {
      kind: 'broken',
      reason: reasonOf(idle.signal.aborted ? idle.signal.reason : cause),
      cause,
    };
  } finally {
    clearTimeout(timer);
  }
}

async function requestHeaders(job: DownloadJob, have: number): Promise<Record<string, string>> {
  const plain = { ...job.headers, 'accept-encoding': 'identity' };
  if (have === 0) return plain;
  const validator = await readPartOrigin(job.to, job.url);
  // Without a validator only a known checksum can tell that the two halves belong together.
  if (validator === undefined && job.sha256 === undefined) return plain;
  const condition = validator === undefined ? {} : { 'if-range': validator };
  return { ...plain, ...condition, range: `bytes=${have}-` };
}

async function receive(
  job: DownloadJob,
  step: { readonly response: Response; readonly have: number; readonly onBytes: () => void },
): Promise<Transfer> {
  const { response, have } = step;
  const extent = extentOf(response, have);
  if (extent === undefined) {
    await response.body?.cancel();
    await removePart(job.to);
    return { kind: 'broken', reason: 'the server sent another range than the one asked for' };
  }
  if (response.body === null) return { kind: 'broken', reason: 'the answer has no body' };
  const { start, total } = extent;
  try {
    await requireRoom(dirname(job.to), Math.max(0, total - start));
    if (start === 0) await writePartOrigin(job.to, { url: job.url, response });
  } catch (error) {
    await response.body.cancel();
    throw error;
  }
  let done = start;
  const body = Readable.fromWeb(response.body);
  body.on('data', (piece: Buffer) => {
    done += piece.length;
    step.onBytes();
    job.onBytes(done, total);
  });
  try {
    await pipeline(body, createWriteStream(partOf(job), { flags: start > 0 ? 'a' : 'w' }));
  } catch (cause) {
    const reason = `the transfer broke off after ${done} of ${total} bytes (${reasonOf(cause)})`;
    return { kind: 'broken', reason, cause };
  }
  if (total > 0 && done !== total)
    return { kind: 'broken', reason: `the transfer ended after ${done} of ${total} bytes` };
  return { kind: 'whole' };
}

/** Which bytes an answer holds, of how many (0: not said); undefined when they do not go on from what is there. */
function extentOf(
  response: Response,
  have: number,
): { readonly start: number; readonly total: number } | undefined {
  const { headers, status } = response;
  if (status !== 206) return { start: 0, total: Number(headers.get('content-length') ?? 0) };
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (range === null || Number(range[1]) !== have) return undefined;
  return { start: have, total: Number(range[2]) };
}

async function judgeRefusal(job: DownloadJob, response: Response, have: number): Promise<Transfer> {
  const { status } = response;
  if (status === 416) {
    const total = /^bytes \*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
    if (have > 0 && total !== undefined && Number(total) === have) return { kind: 'whole' };
    // What is there is no beginning of the file.
    await removePart(job.to);
    return { kind: 'broken', reason: 'the server has no such range' };
  }
  const reason = `the server says ${status} ${response.statusText}`;
  if (status === 408 || status === 429 || status >= 500) return { kind: 'broken', reason };
  throw failed(job, `${reason}${statusMends[status] ?? ''}`);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function partOf(job: DownloadJob): string {
  return `${job.to}.part`;
}

/** fetch hides the reason in the cause. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { cause } = thrown;
  if (cause instanceof Error && cause.message !== '') return cause.message;
  return thrown.message;
}

function failed(job: DownloadJob, reason: string, cause?: unknown): ServerError {
  return new ServerError(`fetch ${job.url}: ${reason}`, {
    code: 'SERVER_MODEL_UNAVAILABLE',
    cause,
  });
}
