import { fileURLToPath } from 'node:url';
import { gatewayDefaults, GatewayError, HttpBackend } from '@millrace/gateway';
import { randomSeed, systemClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import { createAdminRoute } from '../admin/admin-route.ts';
import { servedByEngine } from '../compose/served-by-engine.ts';
import { engineFlagsOf, engineSettings } from '../config/engine-settings.ts';
import {
  describeSettings,
  readSettings,
  type Settings,
  type SettingTable,
} from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { laneCount, lanesBeforeOwnEngine, lanesMax } from '../lanes/lane-count.ts';
import { LaneCrew } from '../lanes/lane-crew.ts';
import { ensureModel } from '../models/ensure-model.ts';
import { EngineProcess } from '../supervise/engine-process.ts';
import { openBrowser } from './open-browser.ts';
import type { Terminal } from './terminal.ts';
import { serveEndpoints } from './up-endpoints.ts';
import { waitForEnd } from './wait-for-end.ts';

/** Flags of the command. */
export const upSettings: SettingTable = {
  host: { kind: 'text', value: 'HOST', help: 'address to listen on; by default 127.0.0.1' },
  config: {
    kind: 'text',
    value: 'FILE',
    help: 'serve the endpoints that a millrace.yaml names, instead of a model of our own',
  },
  port: {
    kind: 'number',
    value: 'N',
    help: 'port to listen on; by default 8080',
    bounds: [0, 65_535],
  },
  model: { kind: 'text', value: 'REF', help: 'a GGUF file, or hf:owner/repository/file.gguf' },
  'model-id': { kind: 'text', value: 'NAME', help: 'name under which it is served' },
  lanes: {
    kind: 'number',
    value: 'N',
    help: 'threads that accept connections; by default one per core, before an engine of our own two',
    bounds: [1, lanesMax],
  },
  'no-tune': { kind: 'switch', help: 'serve the model as its file has it' },
  'no-open': { kind: 'switch', help: 'open no browser' },
  'drain-ms-max': {
    kind: 'number',
    value: 'N',
    help: 'how long running answers may go on when told to end; by default 30000',
    bounds: [0, 3_600_000],
  },
  ...engineSettings,
  help: { kind: 'switch', help: 'say this' },
};

/** `millrace up`: one port, the engine behind it, until it is told to end. */
export async function runUpCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readSettings(upSettings, { args, env: terminal.env });
  if (settings.values.get('help') === true) {
    terminal.out(`Usage: millrace up [flags]\n\n${describeSettings(upSettings)}\n`);
    return 0;
  }
  const file = settings.values.get('config');
  try {
    return await (file === undefined
      ? serveOwnModel(settings, terminal)
      : serveConfigured(String(file), settings, terminal));
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'GATEWAY_ADDRESS_IN_USE') throw error;
    throw new ServerError(`${error.message}: --port N, or --port 0 for any that is free`, {
      code: 'SERVER_ADDRESS_IN_USE',
      cause: error,
    });
  }
}

/** Serves the endpoints of a configuration until it is told to end. */
async function serveConfigured(
  file: string,
  settings: Settings,
  terminal: Terminal,
): Promise<number> {
  const clashing = [...settings.values.keys()].filter((name) => !fitsConfig.has(name));
  if (clashing.length > 0) {
    throw new ServerError(
      clashing
        .map(
          (name) => `--${name} says how a model of our own is served; it does not go with --config`,
        )
        .join('\n'),
      { code: 'SERVER_SETTING_INVALID' },
    );
  }
  await using served = await serveEndpoints(file, settings, terminal);
  greet(terminal, {
    lanes: served.lanes,
    modelId: served.fleet.endpoints.flatMap(({ models }) => models)[0]?.id ?? 'MODEL',
  });
  return await untilToldToEnd(served.lanes, settings, terminal);
}

/** Settings that mean something beside a configuration file. */
const fitsConfig: ReadonlySet<string> = new Set([
  'config',
  'host',
  'port',
  'lanes',
  'no-open',
  'drain-ms-max',
]);

/** Serves a model by an engine process of our own until it is told to end. */
async function serveOwnModel(settings: Settings, terminal: Terminal): Promise<number> {
  const isTuned = settings.values.get('no-tune') !== true;
  const model = await ensureModel(settings.values.get('model') as string | undefined, terminal, {
    isTuned,
  });
  const id = String(settings.values.get('model-id') ?? model.id);
  const onNews = (news: string): void => terminal.err(`millrace: ${news}\n`);
  await using engine = new EngineProcess({
    command: engineCommand(settings, { path: model.path, id }),
    env: engineEnvironment(terminal.env),
    clock: systemClock,
    onNews,
    onStatus: (status) => lanes.publish({ kind: 'engine', engine: status }),
  });
  const lanes = crewBefore(engine, settings, onNews);
  const starting = engine.start();
  // A failure is reported below; until then nobody else waits for it.
  starting.catch(() => undefined);
  await using _started = lanes;
  await lanes.start();
  await starting;
  greet(terminal, { lanes, modelId: engine.modelId });
  return await untilToldToEnd(lanes, settings, terminal);
}

async function untilToldToEnd(
  lanes: LaneCrew,
  settings: Settings,
  terminal: Terminal,
): Promise<number> {
  const address = webAddress(lanes);
  if (settings.values.get('no-open') !== true && address !== undefined)
    openBrowser(`${address}/`, terminal);
  await waitForEnd(terminal.env);
  terminal.err('millrace: ending; a second signal cuts what still runs\n');
  const drainMsMax = Number(settings.values.get('drain-ms-max') ?? 30_000);
  await Promise.race([lanes.drain(drainMsMax), waitForEnd(terminal.env)]);
  return 0;
}

/** Lanes before the engine's socket, which is another one whenever the engine is started again. */
function crewBefore(
  engine: EngineProcess,
  settings: Settings,
  onNews: (news: string) => void,
): LaneCrew {
  const backend = new HttpBackend({
    address: () => engine.address,
    unavailable: () => engine.unavailable,
    connectionsMax: gatewayDefaults.backendConnectionsMax,
    firstByteMsMax: gatewayDefaults.firstByteMsMax,
    clock: systemClock,
  });
  const admin = createAdminRoute({
    readGateway: () => lanes.readMetrics(),
    served: servedByEngine(engine, backend),
  });
  const lanes = new LaneCrew({
    lanes: laneCount(settings, lanesBeforeOwnEngine()),
    listen: {
      host: String(settings.values.get('host') ?? '127.0.0.1'),
      port: Number(settings.values.get('port') ?? 8080),
    },
    seed: randomSeed(),
    clock: systemClock,
    registry: new Registry(),
    source: () => ({ kind: 'engine', engine: engine.status }),
    answer: (asked) => admin(asked),
    onNews,
  });
  return lanes;
}

function engineCommand(
  settings: Settings,
  model: { readonly path: string; readonly id: string },
): readonly string[] {
  const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
  return [
    process.execPath,
    ...process.execArgv,
    program,
    'engine',
    `--model=${model.path}`,
    `--model-id=${model.id}`,
    ...engineFlagsOf(settings),
  ];
}

/**
 * The engine's memory comes in large pages where the system gives them on request (glibc ≥ 2.35): contexts are created
 * several times faster. The settings of this process do not reach the engine's environment a second time.
 */
function engineEnvironment(env: Terminal['env']): NodeJS.ProcessEnv {
  const own = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^MILLRACE_(HOST|PORT|SOCKET|MODEL)/.test(name)),
  );
  const tunables = [own['GLIBC_TUNABLES'], 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':');
  return { ...own, GLIBC_TUNABLES: tunables };
}

function greet(
  terminal: Terminal,
  served: { readonly lanes: LaneCrew; readonly modelId: string },
): void {
  const body = JSON.stringify({
    model: served.modelId,
    messages: [{ role: 'user', content: 'What is the capital of France? Answer in one sentence.' }],
    stream: true,
  });
  const { place, scheme } = served.lanes;
  const address = webAddress(served.lanes) ?? `${scheme}://localhost`;
  const socket = 'socket' in place ? `--unix-socket ${place.socket} ` : '';
  terminal.out(
    `\n  Millrace serves ${served.modelId}\n\n` +
      `    API        ${'socket' in place ? place.socket : `${address}/v1`}\n` +
      ('socket' in place ? '' : `    dashboard  ${address}/\n`) +
      `\n  Try:\n\n    curl -N ${socket}${address}/v1/chat/completions -H 'content-type: application/json' -d '${body}'\n\n`,
  );
}

/** Where a browser finds the gateway; undefined when it listens on a Unix socket. */
function webAddress({ place, scheme }: LaneCrew): string | undefined {
  return 'socket' in place ? undefined : `${scheme}://${shownHost(place.host)}:${place.port}`;
}

function shownHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
