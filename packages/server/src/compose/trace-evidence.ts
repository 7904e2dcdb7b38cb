import {
  attribute,
  type Attribution,
  type Evidence,
  type EvidenceItem,
  type OutputWrite,
  type Timeline,
  type Watch,
} from '@millrace/attribution';
import type { FlowStall, Output, RequestRecord } from '@millrace/probes';

/** A call that copied for longer than this slept in between. */
const blockedNsMin = 200_000;

/** What other probes than that of sockets have to say of a request. */
export interface OtherEvidence {
  readonly watched: readonly Watch[];
  readonly items: readonly EvidenceItem[];
  /** Until when the server was at it, where that is later than the end of what it sent. */
  readonly untilNs?: number;
  /** TX timestamps of a write's last byte. */
  readonly stamps?: (output: Output) => WriteStamps | undefined;
}

/** When a write's last byte was queued, sent and acknowledged. */
export type WriteStamps = Pick<OutputWrite, 'queuedNs' | 'sentNs' | 'ackedNs'>;

/** Divides a request's time among its causes, by what the sockets themselves told and what other probes have. */
export function explain(record: RequestRecord, others: OtherEvidence): Attribution {
  const evidence: Evidence = {
    watched: [...others.watched, ...(record.protocol === 'h2' ? (['flow_control'] as const) : [])],
    items: [...ownItems(record), ...others.items],
  };
  return attribute(timelineOf(record, others), evidence);
}

function timelineOf(record: RequestRecord, { stamps, untilNs = 0 }: OtherEvidence): Timeline {
  let earliestNs = record.startNs;
  const writes = record.outputs.map((output): OutputWrite => {
    // Threads may write out of order; a timeline is in the order of the calls.
    const endNs = Math.max(earliestNs, output.timeNs);
    const startNs = Math.min(endNs, Math.max(earliestNs, output.beginNs || output.timeNs));
    earliestNs = startNs;
    const { bodyBytes: bytes, events, contentChunks: chunks } = output;
    const stamp = stamps?.(output);
    const [queuedNs, sentNs, ackedNs] = [stamp?.queuedNs, stamp?.sentNs, stamp?.ackedNs];
    return { startNs, endNs, bytes, events, chunks, queuedNs, sentNs, ackedNs };
  });
  return {
    connectionId: String(record.cookie),
    ...(record.protocol === 'h2' ? { streamId: record.streamId } : {}),
    startNs: record.startNs,
    writes,
    endNs: Math.max(record.endNs, untilNs, earliestNs, ...lastOf(writes)),
    end: endOf(record),
    ...(record.incomplete.includes('events-lost')
      ? { missing: [{ startNs: record.startNs, endNs: record.endNs }] }
      : {}),
  };
}

function lastOf(writes: readonly OutputWrite[]): readonly number[] {
  const last = writes.at(-1);
  return last === undefined ? [] : [last.endNs];
}

function endOf({ ending }: RequestRecord): Timeline['end'] {
  if (ending === 'answered') return 'finished';
  return ending === 'lost' ? 'open' : 'cut';
}

function ownItems(record: RequestRecord): readonly EvidenceItem[] {
  const connectionId = String(record.cookie);
  const blocked = record.outputs
    .filter(({ beginNs, timeNs }) => beginNs > 0 && timeNs - beginNs >= blockedNsMin)
    .map(({ beginNs, timeNs }): EvidenceItem => ({
      kind: 'write_blocked',
      connectionId,
      startNs: beginNs,
      endNs: timeNs,
    }));
  const windows = record.flowStalls.flatMap((stall) => windowItems(stall, record, connectionId));
  return [...blocked, ...windows, ...departure(record, connectionId)];
}

function windowItems(
  stall: FlowStall,
  record: RequestRecord,
  connectionId: string,
): readonly EvidenceItem[] {
  const endNs = Math.max(stall.fromNs, stall.toNs ?? record.endNs);
  const scope = {
    connectionId,
    ...(stall.scope === 'stream' ? { streamId: stall.streamId } : {}),
    startNs: stall.fromNs,
    endNs,
  };
  return [{ kind: 'h2_window', window: stall.scope, ...scope }];
}

function departure(record: RequestRecord, connectionId: string): readonly EvidenceItem[] {
  const goneNs = record.abandoned?.clientGoneNs;
  if (goneNs === undefined) return [];
  const how =
    record.ending === 'peer-cancelled'
      ? 'rst_stream'
      : record.ending === 'peer-reset'
        ? 'rst'
        : 'fin';
  const code = record.resetCode;
  return [
    {
      kind: 'peer_gone',
      how,
      connectionId,
      startNs: goneNs,
      endNs: goneNs,
      ...(code === undefined ? {} : { code }),
    },
  ];
}
