import type { WatchFilter } from '@millrace/probes';
import { ServerError } from '../errors.ts';
import {
  familyOf,
  findListeningServers,
  processesOfCgroup,
  type ListeningServer,
  processesNamed,
  processExists,
} from './listening-servers.ts';

/** What a trace was asked to watch; nothing means every server whose requests are for language models. */
export interface WatchChoice {
  readonly pid?: number;
  readonly port?: number;
  readonly comm?: string;
  /** The folder of a cgroup. */
  readonly cgroup?: string;
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
  const { pid, port, comm, cgroup } = choice;
  if (pid !== undefined && !processExists(pid, procPath)) {
    throw new ServerError(`--pid ${pid}: there is no such process`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  const all = findListeningServers(procPath);
  const tgids = rootsOf(choice, procPath)?.flatMap((root) => familyOf(root, procPath));
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
    tellsAll: [pid, port, comm, cgroup].some((part) => part !== undefined),
  };
}

/** Processes that a choice names; undefined where it names none. */
function rootsOf(
  { pid, comm, cgroup }: WatchChoice,
  procPath: string,
): readonly number[] | undefined {
  const named = [
    pid === undefined ? undefined : [pid],
    comm === undefined ? undefined : processesNamed(comm, procPath),
    cgroup === undefined ? undefined : processesOfCgroup(cgroup),
  ].filter((tgids) => tgids !== undefined);
  return named.length === 0
    ? undefined
    : named.reduce((both, tgids) => both.filter((tgid) => tgids.includes(tgid)));
}
