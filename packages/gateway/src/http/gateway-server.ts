import type { Server as TlsServer } from 'node:tls';
import { Http2Listener } from '../http2/http2-listener.ts';
import {
  createTlsServer,
  replaceIdentity,
  type TlsOptions,
  type TlsTakers,
} from '../tls/tls-server.ts';
import { ClientListener } from './client-listener.ts';
import { Pipeline, type GatewayOptions } from './pipeline.ts';
import { listenAt, type ListenOptions, type ListenPlace } from './listen.ts';

/** A gateway that listens. */
export interface Gateway extends AsyncDisposable {
  /** Where it listens; a port of 0 has become the one that was given. */
  readonly place: ListenPlace;
  /** Requests that are being answered. */
  readonly activeCount: number;
  /** Connections that come from now on are served by this identity; without TLS there is none. */
  replaceTls(tls: TlsOptions): void;
  /** Takes no new connections, lets running answers end for at most `drainMsMax`, then cuts what is left. */
  drain(drainMsMax: number): Promise<void>;
}

/** What a gateway is started with. */
export interface StartOptions extends GatewayOptions, ListenOptions {
  /** Absent: clients speak in the clear. */
  readonly tls?: TlsOptions | undefined;
}

/** Starts a gateway. Throws `GATEWAY_ADDRESS_IN_USE` and `GATEWAY_LISTEN_FAILED`. */
export async function startGateway(options: StartOptions): Promise<Gateway> {
  const path = new Pipeline(options);
  const clients = new ClientListener(path, options.clock);
  const streams = new Http2Listener(path, options.clock);
  const secured = securedServer(options, {
    http1: (socket) => clients.accept(socket),
    http2: (socket) => streams.accept(socket),
  });
  const server = secured ?? clients.createServer();
  const place = await listenAt(server, options);
  const drain = async (drainMsMax: number): Promise<void> => {
    path.isDraining = true;
    if (server.listening) server.close();
    await Promise.all([clients.drain(drainMsMax), streams.drain(drainMsMax)]);
    for (const part of [clients, streams, path]) part[Symbol.dispose]();
  };
  return {
    place,
    get activeCount() {
      return path.activeCount;
    },
    replaceTls: (tls) => {
      if (secured !== undefined) replaceIdentity(secured, tls);
    },
    drain,
    [Symbol.asyncDispose]: () => drain(0),
  };
}

function securedServer({ tls, registry }: StartOptions, takers: TlsTakers): TlsServer | undefined {
  return tls === undefined ? undefined : createTlsServer({ tls, registry, takers });
}
