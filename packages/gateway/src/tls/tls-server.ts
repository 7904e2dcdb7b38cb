import {
  createServer,
  type Server,
  type TlsOptions as NodeTlsOptions,
  type TLSSocket,
} from 'node:tls';
import type { Registry } from '@millrace/telemetry';
import type { TlsIdentity } from './tls-identity.ts';

/** How a server speaks TLS; the same in every lane that shares a port. */
export interface TlsOptions extends TlsIdentity {
  /** 48 random bytes that seal session tickets: what one lane has issued the others take. */
  readonly ticketKeys: Uint8Array;
}

/** Bytes of the keys that seal session tickets. */
export const ticketKeyBytes = 48;

/** Who takes a connection when its handshake is over, by the protocol that was agreed on. */
export interface TlsTakers {
  readonly http1: (socket: TLSSocket) => void;
  readonly http2: (socket: TLSSocket) => void;
}

/** Bounds of handshakes, and for how long a session may be resumed. */
const handshakeMsMax = 10_000;
const sessionSecondsMax = 24 * 3600;

/** A server for TLS 1.2 and above that agrees on HTTP/2 or HTTP/1.1. Key exchange is OpenSSL's choice, X25519MLKEM768 first where it has it. */
export function createTlsServer(options: {
  readonly tls: TlsOptions;
  readonly takers: TlsTakers;
  readonly registry: Registry;
}): Server {
  const { tls, takers, registry } = options;
  const handshakes = registry.labelledCounter({
    name: 'millrace_tls_handshakes_total',
    help: 'TLS connections that clients have opened, by version, protocol, and whether a session was resumed.',
    labelNames: ['version', 'protocol', 'resumed'],
  });
  const failures = registry.counter({
    name: 'millrace_tls_failed_handshakes_total',
    help: 'TLS connections that did not come about.',
  });
  const server = createServer(
    {
      ...contextOf(tls),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeMsMax,
    },
    (socket) => {
      // A client that offers no protocol speaks HTTP/1.1.
      const isHttp2 = socket.alpnProtocol === 'h2';
      handshakes
        .labels({
          version: socket.getProtocol() ?? 'unknown',
          protocol: isHttp2 ? 'h2' : 'http/1.1',
          resumed: String(socket.isSessionReused()),
        })
        .inc();
      (isHttp2 ? takers.http2 : takers.http1)(socket);
    },
  );
  server.on('tlsClientError', (_error, socket) => {
    failures.inc();
    socket.destroy();
  });
  return server;
}

/** Connections that come from now on are served by this identity; those that are open keep theirs. */
export function replaceIdentity(server: Server, tls: TlsOptions): void {
  server.setSecureContext(contextOf(tls));
}

function contextOf({ cert, key, ticketKeys }: TlsOptions): NodeTlsOptions {
  return {
    cert,
    key,
    ticketKeys: Buffer.from(ticketKeys),
    minVersion: 'TLSv1.2',
    // A session is resumed by lanes, and after a restart of a lane, only in one context.
    sessionIdContext: 'millrace',
    sessionTimeout: sessionSecondsMax,
  };
}
