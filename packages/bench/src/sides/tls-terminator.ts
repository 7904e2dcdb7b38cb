import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeIdentity } from '@millrace/gateway/testing';
import { BenchError } from '../errors.ts';
import { freePort, startChild } from './child-server.ts';
import { pinned } from './pinned.ts';

/** TLS in front of an upstream, and the certificate by which it is known. */
export interface TlsTerminator extends AsyncDisposable {
  readonly port: number;
  /** PEM file; it is for `localhost`. */
  readonly certFile: string;
}

/** nginx on the rig's core, which takes TLS off on the way to the upstream; or why there is none. */
export async function startTlsTerminator(
  upstreamPort: number,
): Promise<TlsTerminator | { readonly unavailable: string }> {
  if (spawnSync('nginx', ['-v']).status !== 0)
    return { unavailable: 'nginx is to take TLS off and is not installed (apt-get install nginx)' };
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-tls-'));
  parts.defer(() => rmSync(folder, { recursive: true }));
  const { cert, key } = makeIdentity();
  const certFile = join(folder, 'cert.pem');
  writeFileSync(certFile, cert);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  const tlsPort = await freePort();
  const file = join(folder, 'nginx.conf');
  try {
    const running = await startChild({
      command: (port) => {
        writeFileSync(file, terminatorConfig({ port, tlsPort, upstreamPort, folder }));
        return pinned(1, ['nginx', '-p', folder, '-c', file]);
      },
      modelId: 'mock',
    });
    parts.use(running);
  } catch (error) {
    if (error instanceof BenchError) return { unavailable: error.message };
    throw error;
  }
  const held = parts.move();
  return { port: tlsPort, certFile, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The plain port is looked at to see whether it serves. */
function terminatorConfig(place: {
  readonly port: number;
  readonly tlsPort: number;
  readonly upstreamPort: number;
  readonly folder: string;
}): string {
  const { port, tlsPort, upstreamPort, folder } = place;
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 1m;
  keepalive_requests 1000000000;
  ssl_certificate ${folder}/cert.pem;
  ssl_certificate_key ${folder}/key.pem;
  ssl_protocols TLSv1.3;
  upstream engine { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl backlog=4096;
    location / {
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_set_header Connection "";
    }
  }
}
`;
}
