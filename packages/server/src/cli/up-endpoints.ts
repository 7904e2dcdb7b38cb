import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ListenPlace, registerEndpointMetrics } from '@millrace/gateway';
import { messageOf, randomSeed, systemClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import { createAdminRoute } from '../admin/admin-route.ts';
import { EndpointFleet } from '../compose/endpoint-fleet.ts';
import type { FileConfig, TlsPaths } from '../config/file-schema.ts';
import { readConfigFile } from '../config/read-config-file.ts';
import type { Settings } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { LaneCrew } from '../lanes/lane-crew.ts';
import { laneCount, lanesByDefault } from '../lanes/lane-count.ts';
import { type LaneLimits, laneLimits } from '../lanes/lane-limits.ts';
import { TlsFiles } from '../lanes/tls-files.ts';
import type { Terminal } from './terminal.ts';

/** The file is looked at this often for a change. */
const watchMs = 1000;

/** What serves the endpoints of a configuration. */
export interface ServedEndpoints extends AsyncDisposable {
  readonly lanes: LaneCrew;
  readonly fleet: EndpointFleet;
}

/** Serves the endpoints that a file names; a change of the file, or SIGHUP, is taken over while it runs. */
export async function serveEndpoints(
  file: string,
  settings: Settings,
  terminal: Terminal,
): Promise<ServedEndpoints> {
  const config = readConfig(file);
  const start = startOf(config, settings);
  const onNews = (news: string): void => terminal.err(`millrace: ${news}\n`);
  const registry = new Registry();
  const lanes = new LaneCrew({
    lanes: start.lanes,
    listen: start.listen,
    limits: start.limits,
    seed: randomSeed(),
    clock: systemClock,
    registry,
    source: () => fleet.source,
    tls: () => tlsFiles?.tls,
    answer: (asked) => admin(asked),
    onLaneEnded: (lane) => fleet.takeBackLane(lane),
    onNews,
  });
  await using opened = new AsyncDisposableStack();
  const tlsFiles = opened.use(tlsFilesOf(config, { file, lanes, onNews }));
  const fleet = await EndpointFleet.open(config, {
    env: terminal.env,
    lanes: start.lanes,
    onNews,
    onLearned: (endpoint) => lanes.publish({ kind: 'learned', endpoint }),
  });
  opened.use(fleet);
  const admin = createAdminRoute({
    readGateway: () => lanes.readMetrics(),
    served: fleet.served,
  });
  registerEndpointMetrics(registry, {
    endpoints: () => fleet.endpoints,
    activeCount: (endpoint) => fleet.activeCount(endpoint),
    resilience: () => fleet.resilience,
    trust: (endpoint) => fleet.trust(endpoint),
    toldBlocks: (endpoint) => fleet.toldBlocks(endpoint),
  });
  opened.use(lanes);
  await lanes.start();
  opened.defer(watch(file, { lanes, fleet, start, settings, tlsFiles, onNews }));
  const kept = opened.move();
  return {
    lanes,
    fleet,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The files of a certificate stand beside the configuration, unless their paths are absolute. */
function tlsFilesOf(
  { listen }: FileConfig,
  step: {
    readonly file: string;
    readonly lanes: LaneCrew;
    readonly onNews: (news: string) => void;
  },
): TlsFiles | undefined {
  if (listen?.tls === undefined) return undefined;
  const { cert, key } = listen.tls;
  const folder = dirname(step.file);
  return new TlsFiles({
    paths: { cert: resolve(folder, cert), key: resolve(folder, key) },
    clock: systemClock,
    onChange: (tls) => step.lanes.publish({ kind: 'tls', tls }),
    onNews: step.onNews,
  });
}

/** Takes the file over when it changes, or when SIGHUP comes: one change after the other. */
function watch(file: string, step: ReloadStep): () => void {
  let last: Promise<void> = Promise.resolve();
  const reload = (): void => {
    last = last.then(() => reloadFrom(file, step));
  };
  watchFile(file, { interval: watchMs, persistent: false }, reload);
  process.on('SIGHUP', reload);
  return () => {
    unwatchFile(file, reload);
    process.off('SIGHUP', reload);
  };
}

/** Reads and checks a file. Throws `SERVER_SETTING_INVALID` with all that is wrong. */
export function readConfig(file: string): FileConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ServerError(`read ${file}: ${messageOf(error)}`, { code: 'SERVER_SETTING_INVALID' });
  }
  return readConfigFile(text, file);
}

interface ReloadStep {
  readonly lanes: LaneCrew;
  readonly fleet: EndpointFleet;
  readonly start: LaneStart;
  readonly settings: Settings;
  readonly tlsFiles: TlsFiles | undefined;
  readonly onNews: (news: string) => void;
}

async function reloadFrom(file: string, step: ReloadStep): Promise<void> {
  try {
    const config = readConfig(file);
    await step.fleet.replace(config, (table) => step.lanes.replaceTable(table));
    step.tlsFiles?.reload();
    const wanted = startOf(config, step.settings);
    const later = (['listen', 'lanes', 'tls', 'limits'] as const).filter(
      (key) => JSON.stringify(wanted[key]) !== JSON.stringify(step.start[key]),
    );
    const note = later.map((key) => `; "${key}" changes only at the next start`).join('');
    step.onNews(
      `took over ${file}: ${(config.endpoints ?? []).length + (config.engines ?? []).length} endpoints${note}`,
    );
  } catch (error) {
    step.onNews(
      `${file} is not taken over, the configuration before it stays:\n${messageOf(error)}`,
    );
  }
}

/** What is settled when lanes start. */
interface LaneStart {
  readonly listen: ListenPlace;
  readonly lanes: number;
  readonly tls: TlsPaths | undefined;
  readonly limits: LaneLimits;
}

function startOf(config: FileConfig, settings: Settings): LaneStart {
  return {
    listen: listenPlace(config, settings),
    lanes: laneCount(settings, config.lanes ?? lanesByDefault()),
    tls: config.listen?.tls,
    limits: laneLimits(config.limits),
  };
}

/** Where to listen: flags before the file, the file before the defaults. */
function listenPlace({ listen = {} }: FileConfig, settings: Settings): ListenPlace {
  const host = settings.values.get('host');
  const port = settings.values.get('port');
  const isMoved = host !== undefined || port !== undefined;
  if ('socket' in listen && !isMoved) return { socket: listen.socket };
  const given = 'socket' in listen ? {} : listen;
  return {
    host: String(host ?? given.host ?? '127.0.0.1'),
    port: Number(port ?? given.port ?? 8080),
  };
}
