import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child-server.ts';
import type { RunningSide } from './side.ts';

/** A proxy that can be compared: it takes clients' requests to one upstream. */
export interface ProxySide {
  readonly name: string;
  /** Starts it on the first core before the upstream at this port, or says why it cannot be had here. */
  start(upstreamPort: number): Promise<RunningSide | { readonly unavailable: string }>;
}

/** The ports between which a proxy stands, and a folder of its own. */
export interface ProxyPlace {
  readonly port: number;
  readonly upstreamPort: number;
  readonly folder: string;
}

/** The key that every proxy puts in the place of the client's. */
const upstreamKey = 'upstream-key';

/** No proxy at all: what the rig itself costs. */
export const directSide: ProxySide = {
  name: 'direct',
  start: async (upstreamPort) => ({
    url: `http://127.0.0.1:${upstreamPort}`,
    modelId: 'mock',
    processId: 0,
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

export const nginxSide: ProxySide = debianSide('nginx', '-v', nginxConfig, (file, folder) => [
  '-p',
  folder,
  '-c',
  file,
]);

export const haproxySide: ProxySide = debianSide('haproxy', '-v', haproxyConfig, (file) => [
  '-db',
  '-f',
  file,
]);

function debianSide(
  program: string,
  versionFlag: string,
  ...[config, args]: [(place: ProxyPlace) => string, (file: string, folder: string) => string[]]
): ProxySide {
  return {
    name: program,
    start: async (upstreamPort) => {
      if (spawnSync(program, [versionFlag]).status !== 0)
        return { unavailable: `${program} is not installed (apt-get install ${program})` };
      const folder = mkdtempSync(join(tmpdir(), `millrace-bench-${program}-`));
      const file = join(folder, `${program}.conf`);
      const running = await startChild({
        command: (port) => {
          writeFileSync(file, config({ port, upstreamPort, folder }));
          return ['taskset', '-c', '0', program, ...args(file, folder)];
        },
        modelId: 'mock',
      });
      return {
        ...running,
        [Symbol.asyncDispose]: async () => {
          await running[Symbol.asyncDispose]();
          rmSync(folder, { recursive: true });
        },
      };
    },
  };
}

export function nginxConfig({ port, upstreamPort, folder }: ProxyPlace): string {
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections 65536; }
worker_rlimit_nofile 200000;
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 1m;
  keepalive_requests 1000000000;
  upstream engine { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location / {
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${upstreamKey}";
    }
  }
}
`;
}

export function haproxyConfig({ port, upstreamPort }: ProxyPlace): string {
  return `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  http-request set-header Authorization "Bearer ${upstreamKey}"
  default_backend engine
backend engine
  server engine 127.0.0.1:${upstreamPort} pool-max-conn 1024
`;
}
