import type { WatchFilter } from '@millrace/probes';
import { ServerError } from '../errors.ts';
import {
  familyOf,
  findListeningServers,
  type ListeningServer,
  processesNamed,
  processExists,
} from './listening-servers.ts';

/** What a trace was asked to watch; nothing means every server whose requests are for language models. */
export interface WatchChoice {
  readonly pid?: number;
  readonly port?: number;
  readonly comm?: string;
}

/** What is watched, and the servers that stand there already. */
export interface Watched {
  readonly filter: WatchFilter;
  readonly servers: readonly ListeningServer[];
  /** Requests that are for no language model are told too. */
  readonly tellsAll: boolean;
}

/** Finds what a choice means on this machine. Throws `SERVER_SETTING_INVALID` where it means nothing. */
export function resolveWatch(choice: WatchChoice, procPath = '/proc'): Watched {
  const { pid, port, comm } = choice;
  if (pid !== undefined && !processExists(pid, procPath)) {
    throw new ServerError(`--pid ${pid}: there is no such process`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  const all = findListeningServers(procPath);
  const roots =
    pid === undefined ? (comm === undefined ? undefined : processesNamed(comm, procPath)) : [pid];
  const tgids = roots?.flatMap((root) => familyOf(root, procPath));
  const servers = all.filter(
    ({ tgid, ports }) =>
      tgid !== process.pid &&
      (tgids === undefined || tgids.includes(tgid)) &&
      (port === undefined || ports.includes(port)),
  );
  const found = servers.flatMap(({ ports }) => ports);
  return {
    filter: {
      ports: port === undefined ? [...new Set(found)] : [port],
      ...(tgids === undefined ? {} : { tgids }),
      ...(comm === undefined ? {} : { comm }),
    },
    servers,
    tellsAll: pid !== undefined || port !== undefined || comm !== undefined,
  };
}
