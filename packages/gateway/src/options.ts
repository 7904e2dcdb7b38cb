import type { BatchingOptions } from './batching/batching-backend.ts';
import { mergeableRoutes } from './batching/mergeable-request.ts';

/** Bounds of the data path; every one has a default. */
export interface GatewayBounds {
  /** Largest body of a request. */
  readonly bodyBytesMax: number;
  /** Memory that the bodies of all requests that are being answered have together. */
  readonly bodiesBytesMax: number;
  /** Longest target of a request: path and query. */
  readonly targetBytesMax: number;
  /** Headers of a request: bytes in all, and how many. */
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** A head must have arrived whole so long after its first byte. */
  readonly headMsMax: number;
  /** A body must have arrived whole so long after its head. */
  readonly requestMsMax: number;
  /** A connection may wait so long for its next request. */
  readonly idleMsMax: number;
  /** Requests at once on one connection, where it speaks HTTP/2. */
  readonly streamsMax: number;
  /** Connections from clients. */
  readonly connectionsMax: number;
  /** Connections to a backend. */
  readonly backendConnectionsMax: number;
  /** From sending a request to the first byte of its answer. */
  readonly firstByteMsMax: number;
  /** Between two pieces of an answer; also how long a client may take nothing of one. */
  readonly pieceMsMax: number;
  /** From the last byte of a request to the last of its answer. */
  readonly answerMsMax: number;
}

export const gatewayDefaults: GatewayBounds = {
  bodyBytesMax: 16 * 2 ** 20,
  bodiesBytesMax: 256 * 2 ** 20,
  targetBytesMax: 8 * 1024,
  headerBytesMax: 32 * 1024,
  headersMax: 100,
  headMsMax: 15_000,
  requestMsMax: 60_000,
  idleMsMax: 75_000,
  streamsMax: 256,
  connectionsMax: 4096,
  backendConnectionsMax: 4096,
  firstByteMsMax: 600_000,
  pieceMsMax: 120_000,
  answerMsMax: 3_600_000,
};

/** When an endpoint is taken out. */
export interface HealthBounds {
  /** Looks or requests in a row that fail without an answer before an endpoint is failing. */
  readonly failuresMax: number;
}

/** Bounds of one look at an endpoint. */
export interface LookBounds {
  readonly lookMsMax: number;
  /** Largest answer that is read. */
  readonly answerBytesMax: number;
}

/** Bounds of endpoints: how often they are looked at, and when they are taken out. */
export interface EndpointBounds extends HealthBounds, LookBounds {
  /** Time between two looks at an endpoint. */
  readonly lookMs: number;
  /** Time between two looks at what an endpoint serves, while it answers. */
  readonly discoverMs: number;
  /** Connections to one endpoint. */
  readonly backendConnectionsMax: number;
  /** Until there is a connection to an endpoint. */
  readonly connectMsMax: number;
  /** From sending a request to an endpoint to the first byte of its answer. */
  readonly firstByteMsMax: number;
  /** Endpoints at once, those that are leaving included. */
  readonly endpointsMax: number;
  /** Memory of the ledger of prefixes. */
  readonly ledgerBytes: number;
  /** Largest whole answer of an endpoint that is translated into another API, or divided among merged requests. */
  readonly translatedBytesMax: number;
}

export const endpointDefaults: EndpointBounds = {
  lookMs: 1000,
  discoverMs: 30_000,
  lookMsMax: 2000,
  answerBytesMax: 4 * 2 ** 20,
  failuresMax: 2,
  backendConnectionsMax: 4096,
  connectMsMax: 5_000,
  firstByteMsMax: 600_000,
  endpointsMax: 256,
  ledgerBytes: 64 * 2 ** 20,
  translatedBytesMax: 16 * 2 ** 20,
};

/** How requests are merged where nothing else is said. */
export const batchingDefaults: BatchingOptions = {
  routes: mergeableRoutes,
  inputsMax: 32,
  delayMsMax: 5,
  bytesMax: 2 ** 20,
  waitingMax: 1024,
};
