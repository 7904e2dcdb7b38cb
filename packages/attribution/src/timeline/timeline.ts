import { AttributionError } from '../errors.ts';
import type { ResolvedAttributionOptions } from '../options.ts';
import type { Interval } from './interval.ts';

/** One write of a request's answer, as the kernel saw it. All times are on one monotonic clock, from any common origin. */
export interface OutputWrite {
  /** When the server asked for the write. */
  readonly startNs: number;
  /** When the call returned. */
  readonly endNs: number;
  readonly bytes: number;
  /** Server-sent events, or messages of another framing, that ended in this write. */
  readonly events: number;
  /** Events that carry generated content. A keep-alive comment or a role is not one. */
  readonly chunks: number;
  /** When the write's last byte entered the local queue (TX timestamp SCHED). */
  readonly queuedNs?: number | undefined;
  /** When the driver took it (TX timestamp SND_SW). */
  readonly sentNs?: number | undefined;
  /** When the peer acknowledged it (TX timestamp ACK). */
  readonly ackedNs?: number | undefined;
}

/** What was seen of one request at the server's socket. */
export interface Timeline {
  /** The connection's identity: its socket cookie, in decimal. */
  readonly connectionId: string;
  /** HTTP/2: the stream in that connection. */
  readonly streamId?: number;
  /** When the request had arrived whole. */
  readonly startNs: number;
  /** In the order of the calls. */
  readonly writes: readonly OutputWrite[];
  /** When the answer ended, or how far it was watched. */
  readonly endNs: number;
  /** `finished` as its framing says, `cut` before that, or still `open` when it was last seen. */
  readonly end: 'finished' | 'cut' | 'open';
  /** Windows in which writes of this request may have gone unseen. */
  readonly missing?: readonly Interval[];
}

/** The writes between which gaps are: those with content, or with events, or with bytes, whichever is known. */
export function piecesOf(writes: readonly OutputWrite[]): readonly OutputWrite[] {
  const withChunks = writes.filter(({ chunks }) => chunks > 0);
  if (withChunks.length > 0) return withChunks;
  const withEvents = writes.filter(({ events }) => events > 0);
  return withEvents.length > 0 ? withEvents : writes.filter(({ bytes }) => bytes > 0);
}

/** Throws an `AttributionError` that names what is wrong with a timeline. Once a write: builds nothing where nothing is. */
export function checkTimeline(timeline: Timeline, options: ResolvedAttributionOptions): void {
  const { startNs, endNs, writes, missing = [] } = timeline;
  if (writes.length > options.writesMax) {
    throw invalid(`${writes.length} writes; the limit is ${options.writesMax}`);
  }
  checkOrder('timeline', [startNs, endNs]);
  let earliestNs = startNs;
  for (let index = 0; index < writes.length; index++) {
    const write = writes[index] as OutputWrite;
    if (!isSound(write)) throw faultOf(`writes[${index}]`, write);
    if (write.startNs < earliestNs) {
      throw invalid(
        `writes[${index}].startNs: ${write.startNs} lies before ${earliestNs}, the write before it or the request's start`,
      );
    }
    earliestNs = write.startNs;
  }
  for (const [index, window] of missing.entries()) {
    checkOrder(`missing[${index}]`, [window.startNs, window.endNs]);
  }
}

function isSound(write: OutputWrite): boolean {
  const { startNs, endNs, bytes, events, chunks } = write;
  const queuedNs = write.queuedNs ?? startNs;
  const sentNs = write.sentNs ?? queuedNs;
  const ackedNs = write.ackedNs ?? sentNs;
  const isInOrder =
    startNs <= endNs && startNs <= queuedNs && queuedNs <= sentNs && sentNs <= ackedNs;
  return isInOrder && isCount(bytes) && isCount(events) && isCount(chunks) && isWhole(write);
}

function isWhole({ startNs, endNs, queuedNs = 0, sentNs = 0, ackedNs = 0 }: OutputWrite): boolean {
  return (
    Number.isSafeInteger(startNs) &&
    Number.isSafeInteger(endNs) &&
    Number.isSafeInteger(queuedNs) &&
    Number.isSafeInteger(sentNs) &&
    Number.isSafeInteger(ackedNs)
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** What is wrong with a write that is not sound. */
function faultOf(where: string, write: OutputWrite): AttributionError {
  const { startNs, endNs, queuedNs, sentNs, ackedNs } = write;
  checkOrder(where, [startNs, endNs]);
  checkOrder(
    where,
    [startNs, queuedNs, sentNs, ackedNs].filter((time) => time !== undefined),
  );
  const name = (['bytes', 'events', 'chunks'] as const).find((field) => !isCount(write[field]));
  return invalid(`${where}.${name}: ${name === undefined ? '' : write[name]} is not a count`);
}

function checkOrder(where: string, times: readonly number[]): void {
  for (const [index, time] of times.entries()) {
    if (!Number.isSafeInteger(time)) throw invalid(`${where}: ${time} is not a time in whole ns`);
    const before = times[index - 1];
    if (before !== undefined && time < before) {
      throw invalid(`${where}: ${time} comes after ${before} and lies before it`);
    }
  }
}

function invalid(message: string): AttributionError {
  return new AttributionError(message, { code: 'ATTRIBUTION_TIMELINE_INVALID' });
}
