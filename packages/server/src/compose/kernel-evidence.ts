import type { EvidenceItem, Interval, Watch } from '@millrace/attribution';
import type { ConnectionHealth, Output, RequestRecord, RunQueueEvent } from '@millrace/probes';
import type { OtherEvidence, WriteStamps } from './trace-evidence.ts';

/** What probes know of the machine around one request. */
export interface KernelSight {
  /** The account of its connection's TCP, where that was watched. */
  readonly health: ConnectionHealth | undefined;
  /** Waits of the server's threads. */
  readonly waits: readonly RunQueueEvent[];
  /** Windows in which a probe lost events. */
  readonly lost: readonly Interval[];
  readonly watched: readonly Watch[];
}

/** A thread that waits for less does so on every machine, and holds up nobody that can be told. */
const waitNsMin = 1_000_000;
/** A connection's window that stays shut for this long, and until its stream is given up, is a deadlock. */
const deadlockNsMin = 500_000_000;

/** What TCP, the scheduler and flow control have to say of a request. */
export function kernelEvidence(record: RequestRecord, sight: KernelSight): OtherEvidence {
  const { health } = sight;
  const base = health === undefined ? 0 : offsetBase(record, health);
  const stamps = ({ endOffset, beginNs, timeNs }: Output): WriteStamps | undefined =>
    health === undefined
      ? undefined
      : stampsOf(health, { offset: endOffset + base, beginNs: beginNs || timeNs });
  const items = [
    ...tcpItems(record, health, base),
    ...sight.waits.flatMap((wait) => waitItems(wait)),
    ...deadlocks(record),
    ...sight.lost.map((window) => ({ kind: 'events_lost' as const, ...window })),
  ];
  const untilNs = workedUntilNs(record, health);
  return { watched: sight.watched, items, stamps, ...(untilNs === undefined ? {} : { untilNs }) };
}

/** After its client has left, a server that does not notice is at it until it lets go of the connection. */
function workedUntilNs(
  { abandoned, protocol }: RequestRecord,
  health: ConnectionHealth | undefined,
): number | undefined {
  return abandoned === undefined || protocol === 'h2' ? undefined : health?.releasedNs;
}

/** Whether all that will be known of a finished request is: what it sent was acknowledged, or the connection is gone. */
export function hasSettled(record: RequestRecord, health: ConnectionHealth): boolean {
  if (health.releasedNs !== undefined) return true;
  if (record.abandoned !== undefined && record.protocol !== 'h2') return false;
  const last = record.outputs.at(-1);
  if (last === undefined) return true;
  const offset = last.endOffset + offsetBase(record, health);
  return stampsOf(health, { offset, beginNs: last.beginNs || last.timeNs }).ackedNs !== undefined;
}

/**
 * The sockets probe counts bytes from when it first saw a connection, TCP from the connection's beginning. Once an answer
 * is written whole, what TCP has been given and what was seen differ by just that.
 */
function offsetBase(record: RequestRecord, health: ConnectionHealth): number {
  let least = Infinity;
  for (const { timeNs, endOffset } of record.outputs) {
    const written = health.writtenAfter(timeNs);
    if (written !== undefined) least = Math.min(least, written - endOffset);
  }
  return least === Infinity ? 0 : Math.max(0, least);
}

function stampsOf(
  health: ConnectionHealth,
  { offset, beginNs }: { readonly offset: number; readonly beginNs: number },
): WriteStamps {
  const { queuedNs, ackedNs } = health.passageOf(offset, beginNs);
  const wasQueued = queuedNs !== undefined && queuedNs > beginNs;
  return { queuedNs: wasQueued ? queuedNs : undefined, ackedNs };
}

function tcpItems(
  record: RequestRecord,
  health: ConnectionHealth | undefined,
  base: number,
): readonly EvidenceItem[] {
  if (health === undefined) return [];
  const connectionId = String(record.cookie);
  const sentNs = (offset: number): number | undefined => {
    const output = record.outputs.find(({ endOffset }) => endOffset + base > offset);
    if (output === undefined) return undefined;
    const { queuedNs } = stampsOf(health, {
      offset: output.endOffset + base,
      beginNs: output.beginNs || output.timeNs,
    });
    return queuedNs ?? output.timeNs;
  };
  const untilNs = Math.max(record.endNs, health.latestNs);
  return health
    .episodes(record.startNs, untilNs, sentNs)
    .map((episode) => ({ ...episode, connectionId }));
}

function waitItems({ beginNs, endNs, tid, isThrottled }: RunQueueEvent): readonly EvidenceItem[] {
  if (endNs - beginNs < waitNsMin) return [];
  const kind = isThrottled ? ('throttled' as const) : ('run_queue' as const);
  return [{ kind, threadId: tid, startNs: beginNs, endNs }];
}

function deadlocks(record: RequestRecord): readonly EvidenceItem[] {
  if (record.ending === 'answered') return [];
  const { endNs, cookie } = record;
  return record.flowStalls
    .filter(({ scope, toNs }) => scope === 'connection' && toNs === undefined)
    .filter(({ fromNs }) => endNs - fromNs >= deadlockNsMin)
    .map(({ fromNs: startNs }) => ({
      kind: 'h2_deadlock',
      connectionId: String(cookie),
      startNs,
      endNs,
    }));
}
