import {
  type BatchMetrics,
  type Endpoint,
  EndpointBackend,
  endpointDefaults,
  type EndpointMemory,
  EndpointRouter,
  type Identified,
  type KeyHeaders,
  openEndpoint,
  Resilience,
  type RoutingTable,
  TenantDirectory,
} from '@millrace/gateway';
import { type Clock, type Prng } from '@millrace/stdx';
import { DecisionLog } from '../compose/decision-log.ts';
import type { LaneEndpoint, LaneTable, LearnedEndpoint } from './lane-messages.ts';

/** What a lane opens its endpoints with. */
export interface LaneEndpointsParts {
  readonly memory: EndpointMemory;
  readonly lane: number;
  readonly clock: Clock;
  readonly random: Prng;
  /** Connections to one endpoint. */
  readonly backendConnectionsMax: number;
  readonly batchMetrics: BatchMetrics;
}

/** An endpoint that left the table is closed when its last answer has ended; it is looked at this often. */
const leavingLookMs = 1000;

/** The endpoints of a table as one lane reaches them: connections of its own, all else at their places in shared memory. */
export class LaneEndpoints implements Disposable {
  readonly backend: EndpointBackend;
  readonly #parts: LaneEndpointsParts;
  #endpoints: readonly Endpoint[] = [];
  #table: RoutingTable;
  #tenants: TenantDirectory | undefined;

  constructor(table: LaneTable, parts: LaneEndpointsParts) {
    this.#parts = parts;
    this.#table = this.#open(table);
    this.#tenants = tenantsOf(table);
    this.backend = new EndpointBackend({
      table: this.#table,
      router: new EndpointRouter({ ...endpointDefaults, ...parts, ...recorderOf(table) }),
      resilience: this.#resilienceOf(table),
      clock: parts.clock,
      prng: parts.random,
    });
  }

  get table(): RoutingTable {
    return this.#table;
  }

  /** Whose request it is; where there are no tenants, everybody's. */
  identify(headers: KeyHeaders): Identified {
    return this.#tenants?.identify(headers) ?? { kind: 'anybody' };
  }

  /** Requests that come from now on go by this table; endpoints that stay keep their connections. */
  replace(table: LaneTable): void {
    const before = this.#endpoints;
    this.#table = this.#open(table);
    this.#tenants = tenantsOf(table);
    this.backend.replaceTable(this.#table, this.#resilienceOf(table));
    for (const endpoint of before)
      if (!this.#endpoints.includes(endpoint)) this.#closeWhenIdle(endpoint);
  }

  /** Takes over what control found out; an endpoint that has left is not there any more. */
  learn({ index, kind, models }: LearnedEndpoint): void {
    const endpoint = this.#endpoints.find((one) => one.index === index);
    if (endpoint !== undefined) Object.assign(endpoint, { kind, models });
  }

  [Symbol.dispose](): void {
    for (const endpoint of this.#endpoints) endpoint.backend[Symbol.dispose]();
  }

  #open({ routing, endpoints }: LaneTable): RoutingTable {
    this.#endpoints = endpoints.map((endpoint) => this.#openOne(endpoint));
    return { ...routing, endpoints: this.#endpoints };
  }

  /** A place is one endpoint's until every lane has let go of it, so that the same place is the same endpoint. */
  #openOne({ options, index, kind, models }: LaneEndpoint): Endpoint {
    const known = this.#endpoints.find((one) => one.index === index);
    const { clock, memory, backendConnectionsMax, batchMetrics } = this.#parts;
    const bounds = { ...endpointDefaults, backendConnectionsMax };
    const endpoint =
      known ??
      openEndpoint(
        { ...options, url: new URL(options.url) },
        { clock, memory, index, bounds, batchMetrics },
      );
    return Object.assign(endpoint, { kind, models });
  }

  #resilienceOf({ resilience: policy }: LaneTable): Resilience {
    const { memory, clock, random: prng } = this.#parts;
    return new Resilience(memory.resilience, { clock, prng, policy });
  }

  #closeWhenIdle(endpoint: Endpoint): void {
    if (endpoint.activeCount === 0) endpoint.backend[Symbol.dispose]();
    else this.#parts.clock.after(leavingLookMs, () => this.#closeWhenIdle(endpoint));
  }
}

/** A file of records is opened when lanes start; a lane that cannot write to it goes on without. */
function recorderOf({ record }: LaneTable): { readonly recorder?: DecisionLog } {
  if (record === undefined) return {};
  const { file, share = 0.01, bytes = 64 * 2 ** 20 } = record;
  return { recorder: new DecisionLog({ file, share, bytesMax: bytes }) };
}

function tenantsOf({ tenants }: LaneTable): TenantDirectory | undefined {
  return tenants === undefined ? undefined : new TenantDirectory(tenants);
}
