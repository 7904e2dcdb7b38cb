import { randomUUID } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import {
  createModelsRoute,
  type Gateway,
  type ListenPlace,
  registerEndpointMetrics,
  startGateway,
} from '@millrace/gateway';
import { messageOf, seededPrng, systemClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import { createAdminRoute } from '../admin/admin-route.ts';
import { EndpointFleet } from '../compose/endpoint-fleet.ts';
import type { FileConfig } from '../config/file-schema.ts';
import { readConfigFile } from '../config/read-config-file.ts';
import type { Settings } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** The file is looked at this often for a change. */
const watchMs = 1000;

/** What serves the endpoints of a configuration. */
export interface ServedEndpoints extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly fleet: EndpointFleet;
}

/** Serves the endpoints that a file names; a change of the file, or SIGHUP, is taken over while it runs. */
export async function serveEndpoints(
  file: string,
  settings: Settings,
  terminal: Terminal,
): Promise<ServedEndpoints> {
  const config = readConfig(file);
  const onNews = (news: string): void => terminal.err(`millrace: ${news}\n`);
  const fleet = await EndpointFleet.open(config, {
    env: terminal.env,
    random: seededPrng(systemClock.unixMs()),
    onNews,
  });
  const registry = new Registry();
  registerEndpointMetrics(registry, {
    endpoints: () => fleet.table.endpoints,
    activeCount: (endpoint) => fleet.activeCount(endpoint),
  });
  const listen = listenPlace(config, settings);
  const gateway = await startGateway({
    backend: fleet.backend,
    clock: systemClock,
    registry,
    createRequestId: () => `req_${randomUUID()}`,
    ownRoutes: [
      createAdminRoute({ registry, served: fleet.served }),
      createModelsRoute(() => fleet.table),
    ],
    identify: (headers) => fleet.identify(headers),
    listen,
  });
  const reload = (): void => void reloadFrom(file, { fleet, listen, settings, onNews });
  watchFile(file, { interval: watchMs, persistent: false }, reload);
  process.on('SIGHUP', reload);
  return {
    gateway,
    fleet,
    [Symbol.asyncDispose]: async () => {
      unwatchFile(file, reload);
      process.off('SIGHUP', reload);
      await gateway[Symbol.asyncDispose]();
      fleet[Symbol.dispose]();
    },
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

async function reloadFrom(
  file: string,
  step: {
    readonly fleet: EndpointFleet;
    readonly listen: ListenPlace;
    readonly settings: Settings;
    readonly onNews: (news: string) => void;
  },
): Promise<void> {
  try {
    const config = readConfig(file);
    await step.fleet.replace(config);
    const listen = listenPlace(config, step.settings);
    const isMoved = JSON.stringify(listen) !== JSON.stringify(step.listen);
    step.onNews(
      `took over ${file}: ${config.endpoints.length} endpoints${isMoved ? '; "listen" changes only at the next start' : ''}`,
    );
  } catch (error) {
    step.onNews(
      `${file} is not taken over, the configuration before it stays:\n${messageOf(error)}`,
    );
  }
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
