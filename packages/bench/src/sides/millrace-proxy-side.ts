import { createHash } from 'node:crypto';
import { millraceCommand } from './millrace-command.ts';
import { type ProxyPlace, type ProxySide, proxySide, upstreamKey } from './proxy-side.ts';

/** The key that the rig's client sends. */
const clientKey = 'client-key';
const keyVariable = 'MILLRACE_BENCH_UPSTREAM_KEY';

/** What every run of the gateway has: it knows its tenant, reads the body, routes and counts. */
const wholeGateway = {
  unavailable: () => undefined,
  command: (file: string) => millraceCommand('up', '--config', file),
  env: { [keyVariable]: upstreamKey },
  envAt: ({ tlsCertFile }: Pick<ProxyPlace, 'tlsCertFile'>): Readonly<Record<string, string>> =>
    tlsCertFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: tlsCertFile },
};

export const millraceProxySide: ProxySide = proxySide({
  ...wholeGateway,
  name: 'millrace',
  config: (place) => millraceConfig(place, 1),
});

/** One lane, and two, on the same cores: what a further lane costs. */
export const oneLaneSide: ProxySide = laneSide(1);
export const twoLanesSide: ProxySide = laneSide(2);

function laneSide(lanes: number): ProxySide {
  return proxySide({
    ...wholeGateway,
    name: `millrace-lanes-${lanes}`,
    isOnAllCores: true,
    config: (place) => millraceConfig(place, lanes),
  });
}

/** JSON is YAML too. */
export function millraceConfig(place: ProxyPlace, lanes: number): string {
  const { port, upstreamPort, clients, tlsCertFile } = place;
  const url =
    tlsCertFile === undefined
      ? `http://127.0.0.1:${upstreamPort}`
      : `https://localhost:${upstreamPort}`;
  const connections = Math.max(4096, clients + 64);
  const key = createHash('sha256').update(clientKey).digest('hex');
  return JSON.stringify({
    listen: { host: '127.0.0.1', port },
    lanes,
    limits: { connections, engineConnections: connections },
    endpoints: [{ url, apiKeyEnv: keyVariable }],
    tenants: [{ name: 'bench', keys: [`sha256:${key}`] }],
  });
}
