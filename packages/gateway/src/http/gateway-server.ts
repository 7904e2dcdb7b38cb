import { ClientListener } from './client-listener.ts';
import { Pipeline, type GatewayOptions } from './pipeline.ts';
import { listenAt, type ListenOptions, type ListenPlace } from './listen.ts';

/** A gateway that listens. */
export interface Gateway extends AsyncDisposable {
  /** Where it listens; a port of 0 has become the one that was given. */
  readonly place: ListenPlace;
  /** Requests that are being answered. */
  readonly activeCount: number;
  /** Takes no new connections, lets running answers end for at most `drainMsMax`, then cuts what is left. */
  drain(drainMsMax: number): Promise<void>;
}

/** Starts a gateway. Throws `GATEWAY_ADDRESS_IN_USE` and `GATEWAY_LISTEN_FAILED`. */
export async function startGateway(options: GatewayOptions & ListenOptions): Promise<Gateway> {
  const path = new Pipeline(options);
  const clients = new ClientListener(path, options.clock);
  const server = clients.createServer();
  const place = await listenAt(server, options);
  const drain = async (drainMsMax: number): Promise<void> => {
    path.isDraining = true;
    if (server.listening) server.close();
    await clients.drain(drainMsMax);
    clients[Symbol.dispose]();
    path[Symbol.dispose]();
  };
  return {
    place,
    get activeCount() {
      return path.activeCount;
    },
    drain,
    [Symbol.asyncDispose]: () => drain(0),
  };
}
