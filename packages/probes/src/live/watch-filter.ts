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

const commCharactersMax = 15;
const commBytes = 16;
const one = Uint8Array.of(1, 0, 0, 0);

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

/** Puts processes into a probe's `targets`. */
export function watchProcesses(targets: BpfMap | undefined, tgids: readonly number[]): void {
  for (const tgid of tgids) targets?.update(tgid, one);
}

/** Puts ports into a probe's `ports`. */
export function watchPorts(map: BpfMap | undefined, ports: readonly number[]): void {
  for (const port of ports) map?.update(portKey(port), one);
}

/** The key of a port: two bytes, in the machine's order, which is little-endian here. */
export function portKey(port: number): Uint8Array {
  return Uint8Array.of(port & 0xff, port >> 8);
}
