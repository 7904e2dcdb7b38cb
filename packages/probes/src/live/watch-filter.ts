import type { BpfMap, ConstantValue } from '@millrace/bpf';
import { ProbesError } from '../errors.ts';

/** Which servers are watched. */
export interface WatchFilter {
  /** Local ports of TCP whose connections are followed. */
  readonly ports: readonly number[];
  /** Only these processes, and what they fork; every process that serves the ports where it is absent. */
  readonly tgids?: readonly number[];
  /** Processes of this name (up to 15 characters) that begin to listen are watched too, with their ports. */
  readonly comm?: string;
}

/** Whom a probe of user space is for: whom it is attached to, or which of them `addProcesses` has named. */
export interface UserSpaceFilter {
  readonly isFilteredByProcess?: boolean;
}

const commCharactersMax = 15;
const commBytes = 16;
const one = Uint8Array.of(1, 0, 0, 0);
const mark = Uint8Array.of(1);
const noMark = Uint8Array.of(0);
/** MARKS of filter.h. */
const marks = 65_536;

/** The constants of filter.h. Throws `PROBES_OPTION_INVALID`. */
export function filterConstants(filter: WatchFilter): Readonly<Record<string, ConstantValue>> {
  const comm = Buffer.from(filter.comm ?? '');
  if (comm.length > commCharactersMax) {
    throw new ProbesError(
      `watch processes named "${filter.comm}": the kernel keeps ${commCharactersMax} characters of a name`,
      { code: 'PROBES_OPTION_INVALID' },
    );
  }
  const isFiltered = filter.tgids !== undefined || filter.comm !== undefined;
  return {
    is_filtered_by_process: isFiltered ? 1 : 0,
    watched_comm: Array.from({ length: commBytes }, (_, at) => comm[at] ?? 0),
  };
}

/** Maps of filter.h that a probe's programs use. */
export type FilterMap = 'ports' | 'port_marks' | 'targets' | 'target_marks';

/** Who has a probe's maps: the object that this process loaded, or what it was handed. */
export interface MapHolder {
  map(name: string): BpfMap;
}

/** What of the filter a probe goes by; its programs look at the marks first. */
export class ProbeFilter {
  readonly #holder: MapHolder;
  readonly #maps: readonly FilterMap[];

  constructor(holder: MapHolder, maps: readonly FilterMap[]) {
    this.#holder = holder;
    this.#maps = maps;
  }

  /** The ports that are watched, those among them that a watched process has opened since. */
  ports(): readonly number[] {
    const keys = this.#map('ports')?.keys() ?? [];
    return Array.from(keys, (key) => (key[0] ?? 0) + (key[1] ?? 0) * 256);
  }

  /** The processes that are watched, those among them that others have forked since. */
  processes(): readonly number[] {
    const keys = this.#map('targets')?.keys() ?? [];
    return Array.from(keys, (key) => Buffer.from(key).readUInt32LE());
  }

  addPorts(ports: readonly number[]): void {
    for (const port of ports) {
      this.#map('ports')?.update(portKey(port), one);
      this.#map('port_marks')?.update(port, mark);
    }
  }

  removePort(port: number): void {
    this.#map('port_marks')?.update(port, noMark);
    this.#map('ports')?.delete(portKey(port));
  }

  addProcesses(tgids: readonly number[]): void {
    for (const tgid of tgids) {
      this.#map('targets')?.update(tgid, one);
      this.#map('target_marks')?.update(tgid % marks, mark);
    }
  }

  #map(name: FilterMap): BpfMap | undefined {
    return this.#maps.includes(name) ? this.#holder.map(name) : undefined;
  }
}

/** The key of a port: two bytes, in the machine's order, which is little-endian here. */
function portKey(port: number): Uint8Array {
  return Uint8Array.of(port & 0xff, port >> 8);
}
