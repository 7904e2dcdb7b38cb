import { Assembly } from '../assembly/assembly.ts';
import { decodeSocketEvent } from '../decoders/socket-event.ts';
import type { RecordVisitor } from '../live/probe-form.ts';
import type { RequestRecord } from '../requests/request-record.ts';

/** The requests that a probe of sockets or of TLS has told of until now. */
export function drainedRequests(probe: {
  drain(visit: RecordVisitor, recordsMax: number): number;
}): RequestRecord[] {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  probe.drain((view, offset, byteLength) => {
    assembly.push(decodeSocketEvent(view, offset, byteLength));
  }, Number.POSITIVE_INFINITY);
  return records;
}
