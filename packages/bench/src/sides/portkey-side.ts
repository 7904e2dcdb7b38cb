import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peerFolder, runSteps } from './peer-folder.ts';
import { type ProxySide, proxySide } from './proxy-side.ts';

const version = '1.15.2';
/** With what its range of versions resolves to, every streamed request is answered with 500. */
const overrides = { '@hono/node-server': '1.3.3' };

/** Portkey's gateway from npm. Where a request goes is said by its own headers; the client's key goes on. */
export const portkeySide: ProxySide = proxySide({
  name: 'portkey',
  unavailable: whyNotInstalled,
  config: () => '',
  command: (_file, _folder, { port }) => [
    process.execPath,
    join(folder(), 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js'),
    '--headless',
    `--port=${port}`,
  ],
  healthPath: '/',
  env: { NODE_ENV: 'production' },
  headers: ({ upstreamPort }) =>
    `x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:${upstreamPort}/v1\r\n`,
});

function folder(): string {
  return peerFolder(`portkey-${version}`);
}

/** Installs it once, without running any script of a package. */
function whyNotInstalled(): string | undefined {
  const mark = join(folder(), 'millrace-installed');
  if (existsSync(mark)) return undefined;
  mkdirSync(folder(), { recursive: true });
  const wanted = {
    private: true,
    dependencies: { '@portkey-ai/gateway': version },
    overrides,
  };
  writeFileSync(join(folder(), 'package.json'), JSON.stringify(wanted));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
  const problem = runSteps([
    { command: ['npm', 'install', ...flags], minutesMax: 5, folder: folder() },
  ]);
  if (problem === undefined) writeFileSync(mark, `${version}\n`);
  return problem === undefined ? undefined : `install portkey ${version}: ${problem}`;
}
