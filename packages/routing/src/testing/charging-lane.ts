import { seededPrng, systemClock } from '@millrace/stdx';
import { EndpointTable } from '../endpoints/endpoint-table.ts';
import { RequestCharge } from '../endpoints/request-charge.ts';
import { PrefixLedger } from '../prefix-index/prefix-ledger.ts';
import { chainOf } from './chains.ts';

/** What a thread that charges is told. */
export interface ChargingLane {
  readonly table: SharedArrayBuffer;
  readonly ledger: SharedArrayBuffer;
  readonly lane: number;
  readonly requests: number;
  /** Ends amid its requests, which stay charged. */
  readonly isLost: boolean;
}

/** What such a thread does: many requests on the way at once, each charged, matched, confirmed and ended as lanes do it. */
export function chargeAsLane(told: ChargingLane): void {
  const table = EndpointTable.open(told.table, systemClock, told.lane);
  const ledger = PrefixLedger.open(told.ledger, systemClock);
  const random = seededPrng(told.lane);
  const matched = new Int32Array(table.endpointsMax);
  const running: RequestCharge[] = [];
  for (let at = 0; at < told.requests; at++) {
    const endpoint = random.below(table.endpointsMax);
    const chain = chainOf([random.below(4), 10 + random.below(2_000), 5_000 + at]);
    ledger.match(chain, matched);
    const request = new RequestCharge(table, endpoint, {
      promptTokens: random.below(5_000),
      uncachedTokens: random.below(500),
    });
    ledger.speculate(chain, endpoint);
    if (random.below(3) > 0) {
      request.markFirstToken();
      ledger.confirm(chain, endpoint, 0);
    }
    running.push(request);
    if (running.length > 16) running.splice(random.below(16), 1)[0]?.[Symbol.dispose]();
  }
  if (!told.isLost) for (const request of running) request[Symbol.dispose]();
}
