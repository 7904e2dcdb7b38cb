import type { TcpEvent } from '../decoders/tcp-event.ts';

/** An acknowledgement of a connection on which nothing is wrong. */
export const calmTcp: TcpEvent = {
  kind: 'ack',
  timeNs: 0,
  beginNs: 0,
  cookie: 7,
  acked: 0,
  sent: 0,
  written: 0,
  segmentBegin: 0,
  segmentEnd: 0,
  window: 65_536,
  srttUs: 10_000,
  duplicates: 0,
  localPort: 8_080,
  congestion: 0,
  timeouts: 0,
  limit: 'busy',
};
