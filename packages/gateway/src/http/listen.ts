import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { GatewayError } from '../errors.ts';

/** Where a gateway listens. */
export type ListenPlace =
  | { readonly host: string; readonly port: number }
  | { readonly socket: string };

/** How a server listens. */
export interface ListenOptions {
  readonly listen: ListenPlace;
  /** Whether other threads listen at the same port: the kernel spreads connections over them (SO_REUSEPORT). */
  readonly isPortShared?: boolean;
}

/** Listens. Throws `GATEWAY_ADDRESS_IN_USE` and `GATEWAY_LISTEN_FAILED`. Returns the place, whose port of 0 has become the one that was given. */
export async function listenAt(server: Server, options: ListenOptions): Promise<ListenPlace> {
  const { listen, isPortShared = false } = options;
  if ('socket' in listen) server.listen(listen.socket);
  else server.listen({ ...listen, reusePort: isPortShared });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenFault(listen, error as NodeJS.ErrnoException);
  }
  const address = server.address();
  if ('socket' in listen || address === null || typeof address === 'string') return listen;
  return { host: listen.host, port: address.port };
}

/**
 * Makes sure that nobody else listens at a place that threads will share: of two programs of one user that share a port,
 * each would take a part of the other's clients without a word. Throws as `listenAt`.
 */
export async function claimPlace(place: ListenPlace): Promise<void> {
  const server = createServer();
  await listenAt(server, { listen: place });
  server.close();
  await once(server, 'close');
}

/** Why threads cannot share a port here, if they cannot. */
export async function whyPortNotShared(host: string): Promise<string | undefined> {
  const server = createServer();
  try {
    await listenAt(server, { listen: { host, port: 0 }, isPortShared: true });
  } catch (error) {
    if (error instanceof GatewayError) return error.message;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return undefined;
}

function listenFault(place: ListenPlace, cause: NodeJS.ErrnoException): GatewayError {
  const where = 'socket' in place ? place.socket : `${place.host}:${place.port}`;
  if (cause.code !== 'EADDRINUSE') {
    return new GatewayError(`listen on ${where}: ${cause.message}`, {
      code: 'GATEWAY_LISTEN_FAILED',
      cause,
    });
  }
  return new GatewayError(
    `listen on ${where}: it is in use; stop what uses it, or choose another`,
    {
      code: 'GATEWAY_ADDRESS_IN_USE',
      cause,
    },
  );
}
