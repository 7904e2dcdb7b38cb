import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ServerError } from '../errors.ts';

/** A process that listens on ports of TCP. */
export interface ListeningServer {
  readonly tgid: number;
  readonly comm: string;
  readonly ports: readonly number[];
}

interface ProcessEntry {
  readonly tgid: number;
  readonly parent: number;
  readonly comm: string;
}

const listenState = '0A';

/** Every process of this machine that listens on a port of TCP, as far as this process may look. */
export function findListeningServers(procPath = '/proc'): readonly ListeningServer[] {
  const portsOfNamespace = new Map<string, ReadonlyMap<string, number>>();
  return processes(procPath).flatMap(({ tgid, comm }) => {
    const folder = `${procPath}/${tgid}`;
    const namespace = linkOf(`${folder}/ns/net`) ?? String(tgid);
    const ports = portsOfNamespace.get(namespace) ?? listeningPorts(folder);
    portsOfNamespace.set(namespace, ports);
    const own = ports.size === 0 ? [] : ownPorts(folder, ports);
    return own.length === 0 ? [] : [{ tgid, comm, ports: own }];
  });
}

/** Ports of TCP that are listened on in the network namespace of this process, whoever does. */
export function portsListenedOn(procPath = '/proc'): readonly number[] {
  return [...new Set(listeningPorts(`${procPath}/self`).values())];
}

/** A process and all that descend from it. */
export function familyOf(tgid: number, procPath = '/proc'): readonly number[] {
  const all = processes(procPath);
  const family = [tgid];
  for (const member of family) {
    for (const { tgid: child, parent } of all) {
      if (parent === member && !family.includes(child)) family.push(child);
    }
  }
  return family;
}

/** Processes of a name. */
export function processesNamed(comm: string, procPath = '/proc'): readonly number[] {
  return processes(procPath)
    .filter((entry) => entry.comm === comm)
    .map(({ tgid }) => tgid);
}

/** Processes of a cgroup and of those below it. Throws `SERVER_SETTING_INVALID` where there is no such cgroup. */
export function processesOfCgroup(folder: string): readonly number[] {
  const text = readText(`${folder}/cgroup.procs`);
  if (text === undefined) {
    throw new ServerError(`--cgroup ${folder}: there is no cgroup.procs to read in it`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  const below = foldersIn(folder).flatMap((name) => processesOfCgroup(`${folder}/${name}`));
  return [...text.split('\n').filter(Boolean).map(Number), ...below];
}

/** Whether there is such a process. */
export function processExists(tgid: number, procPath = '/proc'): boolean {
  return readText(`${procPath}/${tgid}/stat`) !== undefined;
}

function processes(procPath: string): readonly ProcessEntry[] {
  return readdirSync(procPath)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readText(`${procPath}/${name}/stat`) ?? '';
      // The name stands in brackets and may hold some itself (proc_pid_stat(5)).
      const end = stat.lastIndexOf(')');
      const comm = stat.slice(stat.indexOf('(') + 1, end);
      const parent = Number(stat.slice(end + 2).split(' ')[1]);
      return end < 0 ? [] : [{ tgid: Number(name), parent, comm }];
    });
}

/** Ports that are listened on in a process's network namespace, by the inode of the socket. */
function listeningPorts(folder: string): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of (readText(`${folder}/net/${table}`) ?? '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [, local = '', , state] = fields;
      const inode = fields[9];
      if (state !== listenState || inode === undefined) continue;
      ports.set(inode, Number.parseInt(local.split(':')[1] ?? '', 16));
    }
  }
  return ports;
}

function ownPorts(folder: string, ports: ReadonlyMap<string, number>): readonly number[] {
  const own = new Set<number>();
  for (const name of namesIn(`${folder}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/fd/${name}`) ?? '')?.[1];
    const port = inode === undefined ? undefined : ports.get(inode);
    if (port !== undefined) own.add(port);
  }
  return [...own].toSorted((one, other) => one - other);
}

/** A process may end while it is looked at, and those of others may be closed to us: both are as good as not there. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function foldersIn(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
