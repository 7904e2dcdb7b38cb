import type {
  EndpointMemory,
  EndpointOptions,
  Endpoint,
  ListenPlace,
  OwnAnswer,
  ResiliencePolicy,
  RoutingTable,
  TenantOptions,
  TlsOptions,
} from '@millrace/gateway';
import type { RegistrySnapshot } from '@millrace/telemetry';
import type { RoutingConfig } from '../config/routing-schema.ts';
import type { LaneLimits } from './lane-limits.ts';
import type { EngineStatus } from '../supervise/engine-status.ts';

/**
 * What control and lanes tell each other: plain data, which threads copy. Nothing of it is on the way of a request but
 * what an operator asks. A thread that speaks another version is a bug: both come out of one build.
 */
export const laneProtocol = 1;

/** What a lane starts from. */
export interface LaneSetup {
  readonly protocol: number;
  /** Which lane it is, from 0. */
  readonly lane: number;
  readonly listen: ListenPlace;
  /** Whether other lanes listen at the same place. */
  readonly isPortShared: boolean;
  readonly seed: number;
  /** Undefined: clients speak in the clear. */
  readonly tls: TlsOptions | undefined;
  readonly limits: LaneLimits;
  readonly source: LaneSource;
}

/** What answers behind a lane. */
export type LaneSource =
  | { readonly kind: 'engine'; readonly engine: EngineStatus }
  | { readonly kind: 'endpoints'; readonly memory: EndpointMemory; readonly table: LaneTable };

/** A configuration as lanes take it over. */
export interface LaneTable {
  readonly routing: Omit<RoutingTable, 'endpoints'>;
  readonly resilience: ResiliencePolicy;
  /** Where decisions are recorded; undefined: nowhere. */
  readonly record: RoutingConfig['record'];
  readonly endpoints: readonly LaneEndpoint[];
  /** Undefined: anybody may come. */
  readonly tenants: readonly TenantOptions[] | undefined;
}

/** An endpoint as lanes open it: at a place in what they share, with what has been learned of it. */
export interface LaneEndpoint extends LearnedEndpoint {
  readonly options: Omit<EndpointOptions, 'url'> & { readonly url: string };
}

/** What discovery found out about the endpoint at a place. */
export interface LearnedEndpoint extends Pick<Endpoint, 'index' | 'kind' | 'models'> {}

/** What control tells a lane. */
export type ToLane =
  /** From now on requests go by this table; the lane says `took-over` with the number. */
  | { readonly kind: 'table'; readonly number: number; readonly table: LaneTable }
  | { readonly kind: 'learned'; readonly endpoint: LearnedEndpoint }
  | { readonly kind: 'engine'; readonly engine: EngineStatus }
  /** Connections that come from now on are served by this. */
  | { readonly kind: 'tls'; readonly tls: TlsOptions }
  /** What control answers to an `ask`; undefined: it is no route of control's. */
  | { readonly kind: 'answer'; readonly id: number; readonly answer: OwnAnswer | undefined }
  /** The lane says `measured`. */
  | { readonly kind: 'measure' }
  /** Finish what runs, say `drained`, and end. */
  | { readonly kind: 'drain'; readonly drainMsMax: number };

/** What a lane tells control. */
export type FromLane =
  /** It serves there. */
  | { readonly kind: 'listening'; readonly protocol: number; readonly place: ListenPlace }
  /** It cannot serve, and ends. */
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }
  | { readonly kind: 'took-over'; readonly number: number }
  /** What an operator asks: metrics, status, pages. */
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly method: string;
      readonly target: string;
    }
  | { readonly kind: 'measured'; readonly metrics: RegistrySnapshot }
  | { readonly kind: 'drained'; readonly metrics: RegistrySnapshot };
