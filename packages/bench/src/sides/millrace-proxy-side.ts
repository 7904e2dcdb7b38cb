import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type ProxyPlace, type ProxySide, proxySide, upstreamKey } from './proxy-side.ts';

/** The key that the rig's client sends. */
const clientKey = 'client-key';
const keyVariable = 'MILLRACE_BENCH_UPSTREAM_KEY';

/** The whole gateway: it knows its tenant, reads the body, routes and counts. */
export const millraceProxySide: ProxySide = proxySide({
  name: 'millrace',
  unavailable: () => undefined,
  config: millraceConfig,
  command: (file) => [
    process.execPath,
    '--conditions=@millrace/source',
    fileURLToPath(new URL('../../../server/bin/millrace.js', import.meta.url)),
    'up',
    '--config',
    file,
  ],
  env: { [keyVariable]: upstreamKey },
});

/** JSON is YAML too. */
export function millraceConfig({ port, upstreamPort }: ProxyPlace): string {
  const key = createHash('sha256').update(clientKey).digest('hex');
  return JSON.stringify({
    listen: { host: '127.0.0.1', port },
    endpoints: [{ url: `http://127.0.0.1:${upstreamPort}`, apiKeyEnv: keyVariable }],
    tenants: [{ name: 'bench', keys: [`sha256:${key}`] }],
  });
}
