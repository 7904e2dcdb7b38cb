import { connect, createServer, type Server, type Socket } from 'node:net';

/** One piece of bytes that passed a relay, as seen by the server: what it received or sent. */
export interface PassedBytes {
  readonly direction: 'receive' | 'send';
  readonly bytes: Uint8Array;
}

/** A relay in front of a server on loopback, which keeps every byte that passes. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Bytes of each connection, in the order in which they passed. */
  readonly connections: PassedBytes[][];
}

/** Starts a relay in front of a port of this machine. */
export async function startRelay(serverPort: number): Promise<Relay> {
  const connections: PassedBytes[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const passed: PassedBytes[] = [];
    connections.push(passed);
    const upstream = connect(serverPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) =>
      passed.push({ direction: 'receive', bytes: Uint8Array.from(bytes as Buffer) }),
    );
    upstream.on('data', (bytes) =>
      passed.push({ direction: 'send', bytes: Uint8Array.from(bytes as Buffer) }),
    );
    client.pipe(upstream).pipe(client);
  });
  const port = await listen(server);
  return {
    port,
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Listens on a free port of loopback; resolves to it. */
export async function listen(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('listen: no port');
  return address.port;
}
