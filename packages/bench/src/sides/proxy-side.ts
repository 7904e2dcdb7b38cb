import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';
import { freePort, startChild } from './child-server.ts';
import { withDescriptors } from './descriptors.ts';
import { pinned } from './pinned.ts';
import type { RunningSide } from './side.ts';

/** A proxy that runs. */
export interface RunningProxy extends RunningSide {
  /** Lines that a request needs besides, each with its end. */
  readonly headers?: string | undefined;
}

/** What differs from a plain upstream and the usual number of clients. */
export interface ProxyStart {
  /** The upstream speaks TLS, by this certificate. */
  readonly tlsCertFile?: string | undefined;
  readonly clients?: number | undefined;
}

/** A proxy that can be compared: it takes clients' requests to one upstream. */
export interface ProxySide {
  readonly name: string;
  /** Starts it on the first core before the upstream at this port, or says why it cannot be had here. */
  start(
    upstreamPort: number,
    more?: ProxyStart,
  ): Promise<RunningProxy | { readonly unavailable: string }>;
}

/** The ports between which a proxy stands, and a folder of its own. */
export interface ProxyPlace {
  readonly port: number;
  readonly upstreamPort: number;
  readonly folder: string;
  readonly clients: number;
  /** A second free port, for those that must have one. */
  readonly otherPort: number;
  /** The upstream speaks TLS, by this certificate for `localhost`. */
  readonly tlsCertFile: string | undefined;
}

/** The key that every proxy puts in the place of the client's. */
export const upstreamKey = 'upstream-key';
/** The connections of a load that names none. */
const ordinaryClients = 64;
/** Files that a program may have without being allowed more, on nearly every system. */
const usualDescriptors = 1024;
/** Those that a proxy has besides: the one it listens on, those that look at its health. */
const otherConnections = 64;

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

export const nginxSide: ProxySide = proxySide({
  name: 'nginx',
  unavailable: () => whyNoDebianProgram('nginx', '-v'),
  config: nginxConfig,
  command: (file, folder) => ['nginx', '-p', folder, '-c', file],
});

export const haproxySide: ProxySide = proxySide({
  name: 'haproxy',
  unavailable: () => whyNoDebianProgram('haproxy', '-v'),
  config: haproxyConfig,
  command: (file) => ['haproxy', '-db', '-f', file],
});

/** What it takes to run a proxy from a file of configuration in a folder of its own. */
interface ProxyRecipe {
  readonly name: string;
  /** Why it cannot be had here, if it cannot. */
  readonly unavailable: () => string | undefined;
  readonly config: (place: ProxyPlace) => string;
  readonly command: (file: string, folder: string, place: ProxyPlace) => readonly string[];
  /** True for one that is to run on all cores, beside the rig; else it has the first core. */
  readonly isOnAllCores?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly envAt?: (place: Pick<ProxyPlace, 'tlsCertFile'>) => Readonly<Record<string, string>>;
  /** Lines that a request needs besides. */
  readonly headers?: (place: Pick<ProxyPlace, 'upstreamPort'>) => string;
  readonly healthPath?: string;
}

export function proxySide(recipe: ProxyRecipe): ProxySide {
  return { name: recipe.name, start: (...place) => startProxy(recipe, ...place) };
}

async function startProxy(
  recipe: ProxyRecipe,
  upstreamPort: number,
  { tlsCertFile, clients = ordinaryClients }: ProxyStart = {},
): Promise<RunningProxy | { readonly unavailable: string }> {
  const unavailable = recipe.unavailable();
  if (unavailable !== undefined) return { unavailable };
  const folder = mkdtempSync(join(tmpdir(), `millrace-bench-${recipe.name}-`));
  const otherPort = await freePort();
  const remove = (): void => rmSync(folder, { recursive: true });
  const file = join(folder, `${recipe.name}.conf`);
  try {
    const running = await startChild({
      command: (port) => {
        const place = { port, upstreamPort, folder, clients, otherPort, tlsCertFile };
        writeFileSync(file, recipe.config(place));
        const command = recipe.command(file, folder, place);
        const isUsual = clients * 2 + otherConnections < usualDescriptors;
        const allowed = isUsual ? command : withDescriptors(command);
        return recipe.isOnAllCores === true ? allowed : pinned(0, allowed);
      },
      modelId: 'mock',
      env: { ...recipe.env, ...recipe.envAt?.({ tlsCertFile }) },
      ...(recipe.healthPath !== undefined && { healthPath: recipe.healthPath }),
    });
    return {
      ...running,
      headers: recipe.headers?.({ upstreamPort }),
      [Symbol.asyncDispose]: async () => {
        await running[Symbol.asyncDispose]();
        remove();
      },
    };
  } catch (error) {
    remove();
    if (error instanceof BenchError) return { unavailable: error.message };
    throw error;
  }
}

function whyNoDebianProgram(program: string, versionFlag: string): string | undefined {
  return spawnSync(program, [versionFlag]).status === 0
    ? undefined
    : `${program} is not installed (apt-get install ${program})`;
}

/** nginx sets memory aside for each connection that it may have: each client takes two. */
export function nginxConfig(place: ProxyPlace): string {
  const { port, upstreamPort, folder, clients, tlsCertFile } = place;
  const scheme = tlsCertFile === undefined ? 'http' : 'https';
  // By itself it offers an upstream no version above 1.2.
  const tls = tlsCertFile === undefined ? '' : '\n      proxy_ssl_protocols TLSv1.3;';
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections ${clients * 2 + otherConnections}; }
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
      proxy_pass ${scheme}://engine;${tls}
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

export function haproxyConfig({ port, upstreamPort, clients, tlsCertFile }: ProxyPlace): string {
  const tls = tlsCertFile === undefined ? '' : ' ssl verify none';
  return `global
  nbthread 1
  maxconn ${clients + otherConnections}
defaults
  mode http
  maxconn ${clients + otherConnections}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  http-request set-header Authorization "Bearer ${upstreamKey}"
  default_backend engine
backend engine
  server engine 127.0.0.1:${upstreamPort} pool-max-conn 1024${tls}
`;
}
