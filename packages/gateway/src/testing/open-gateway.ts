import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import type { Backend } from '../backends/backend.ts';
import type { BackendAddress } from '../backends/backend-address.ts';
import { HttpBackend, type HttpBackendOptions } from '../backends/http-backend.ts';
import { type Gateway, startGateway, type StartOptions } from '../http/gateway-server.ts';

/** A test, or what else ends what was opened for it. */
export interface Occasion {
  after(end: () => void | PromiseLike<void>): void;
}

/** A gateway that listens, at a port of 127.0.0.1 unless it was told otherwise. */
export interface OpenGateway {
  readonly gateway: Gateway;
  readonly registry: Registry;
  /** Throws where it listens at a Unix socket. */
  readonly port: number;
  /** Scheme, address and port; throws where it listens at a Unix socket. */
  readonly origin: string;
}

/** Opens what asks a server at this address; it ends with the test. */
export function openHttpBackend(
  t: Occasion,
  address: BackendAddress,
  more: Partial<Omit<HttpBackendOptions, 'address'>> = {},
): HttpBackend {
  const backend = new HttpBackend({
    address: () => address,
    unavailable: () => undefined,
    connectionsMax: 64,
    firstByteMsMax: 5000,
    clock: systemClock,
    ...more,
  });
  t.after(() => backend[Symbol.dispose]());
  return backend;
}

/** Opens a gateway before a backend; it ends with the test. */
export async function openGateway(
  t: Occasion,
  backend: Backend,
  more: Partial<Omit<StartOptions, 'backend' | 'registry'>> = {},
): Promise<OpenGateway> {
  const registry = new Registry();
  const gateway = await startGateway({
    backend,
    clock: systemClock,
    registry,
    createRequestId: () => 'made',
    listen: { host: '127.0.0.1', port: 0 },
    ...more,
  });
  t.after(() => gateway[Symbol.asyncDispose]());
  const portOf = (): number => {
    assert.ok('port' in gateway.place);
    return gateway.place.port;
  };
  return {
    gateway,
    registry,
    get port() {
      return portOf();
    },
    get origin() {
      return `${more.tls === undefined ? 'http' : 'https'}://127.0.0.1:${portOf()}`;
    },
  };
}

/** Opens a gateway before a server of Node's that answers so; both end with the test. */
export async function openGatewayBefore(
  t: Occasion,
  answer: RequestListener,
  more: Parameters<typeof openGateway>[2] = {},
): Promise<OpenGateway> {
  const upstream = createServer(answer).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const backend = openHttpBackend(t, { kind: 'tcp', host: '127.0.0.1', port });
  const opened = await openGateway(t, backend, more);
  t.after(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  return opened;
}
