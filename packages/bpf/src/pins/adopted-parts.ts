import { closeSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import { BpfMap } from '../maps/bpf-map.ts';
import type { Link } from '../links/link.ts';
import type { Program } from '../programs/program.ts';
import { type ProgramState, readProgramState } from '../programs/program-state.ts';
import { setCloseOnExec } from '../sys/descriptors.ts';
import { describeErrno } from '../sys/errno.ts';
import { type Libbpf, openLibbpf } from '../sys/libbpf.ts';
import type { PinFolder, PinKind } from './pin-folder.ts';

export interface AdoptOptions {
  /** True: the pins stay, and with them what they hold, after this process. */
  readonly keepsPins?: boolean;
}

/**
 * Opens everything in a folder of pins and removes the pins, so that all of it goes with this process, however it ends.
 * Needs no capabilities, only to own the pins. Throws `BPF_PIN_FAILED`.
 */
export function adoptPins(folder: PinFolder, options: AdoptOptions = {}): AdoptedParts {
  const libbpf = openLibbpf();
  const fds: number[] = [];
  try {
    const open = (kind: PinKind): ReadonlyMap<string, number> =>
      new Map(
        folder.list(kind).map((name) => {
          const fd = openPin(libbpf, folder.pathOf(kind, name));
          fds.push(fd);
          return [name, fd];
        }),
      );
    const [maps, links] = [open('maps'), open('links')];
    const adopted = new AdoptedParts({ libbpf, maps, links, programs: new Map() });
    if (options.keepsPins !== true) folder.remove();
    return adopted;
  } catch (error) {
    for (const fd of fds) closeSync(fd);
    throw error;
  }
}

function openPin(libbpf: Libbpf, path: string): number {
  const fd = libbpf.number('bpf_obj_get', path);
  if (fd >= 0) return fd;
  throw new BpfError(`open pin ${path}: ${describeErrno(fd)}`, { code: 'BPF_PIN_FAILED' });
}

/** Descriptors by name, as one process leaves them to the program that it executes: plain data. */
export interface HandedOver {
  readonly maps: Readonly<Record<string, number>>;
  readonly links: Readonly<Record<string, number>>;
  readonly programs: Readonly<Record<string, number>>;
}

export interface PartsToHandOver {
  readonly maps: readonly BpfMap[];
  /** By the names that they are adopted under. */
  readonly links: Readonly<Record<string, Link>>;
  /** Those whose state is to be asked for; a link keeps its program without. */
  readonly programs?: readonly Program[];
}

/**
 * Lets what this process executes next keep maps, links and programs: without pins, and so without bpffs. The process must not go on
 * by itself, or its children would inherit them too. Throws `BPF_PRIVILEGE_FAILED`.
 */
export function handOver({ maps, links, programs = [] }: PartsToHandOver): HandedOver {
  const handed = {
    maps: Object.fromEntries(maps.map((map) => [map.name.replaceAll('.', '_'), map.fd])),
    links: Object.fromEntries(Object.entries(links).map(([name, link]) => [name, link.fd])),
    programs: Object.fromEntries(programs.map(({ name, fd }) => [name, fd])),
  };
  for (const fd of descriptorsOf(handed)) setCloseOnExec(fd, 'keep');
  return handed;
}

/** Opens what was handed over, in the program that was executed. Throws `BPF_PRIVILEGE_FAILED` where a descriptor is none. */
export function takeOver(handed: HandedOver): AdoptedParts {
  for (const fd of descriptorsOf(handed)) setCloseOnExec(fd, 'close');
  return new AdoptedParts({
    libbpf: openLibbpf(),
    maps: new Map(Object.entries(handed.maps)),
    links: new Map(Object.entries(handed.links)),
    programs: new Map(Object.entries(handed.programs)),
  });
}

function descriptorsOf({ maps, links, programs }: HandedOver): readonly number[] {
  return [maps, links, programs].flatMap((named) => Object.values(named));
}

interface Parts {
  readonly libbpf: Libbpf;
  readonly maps: ReadonlyMap<string, number>;
  readonly links: ReadonlyMap<string, number>;
  readonly programs: ReadonlyMap<string, number>;
}

/** Maps, links and programs that another process, or this one before it executed this program, made. Disposing closes them; what nothing else holds is detached. */
export class AdoptedParts implements Disposable {
  readonly #libbpf: Libbpf;
  readonly #maps: Map<string, number>;
  readonly #links: Map<string, number>;
  readonly #programs: ReadonlyMap<string, number>;
  #isOpen = true;

  constructor({ libbpf, maps, links, programs }: Parts) {
    this.#libbpf = libbpf;
    this.#maps = new Map(maps);
    this.#links = new Map(links);
    this.#programs = new Map(programs);
  }

  get mapNames(): readonly string[] {
    return [...this.#maps.keys()];
  }

  get linkNames(): readonly string[] {
    return [...this.#links.keys()];
  }

  /** A map by the name it was pinned under. Throws `BPF_MAP_UNKNOWN`. */
  map(name: string): BpfMap {
    const fd = this.#maps.get(name.replaceAll('.', '_'));
    if (!this.#isOpen || fd === undefined) {
      throw new BpfError(`take map "${name}": there are: ${this.mapNames.join(', ')}`, {
        code: this.#isOpen ? 'BPF_MAP_UNKNOWN' : 'BPF_CLOSED',
      });
    }
    return new BpfMap({ libbpf: this.#libbpf, name, fd, isOpen: () => this.#isOpen });
  }

  /** What the kernel tells of a program that was handed over; it needs no capability. Throws `BPF_PROGRAM_UNKNOWN`. */
  programState(name: string): ProgramState {
    const fd = this.#programs.get(name);
    if (!this.#isOpen || fd === undefined) {
      const known = [...this.#programs.keys()].join(', ');
      throw new BpfError(`ask about program "${name}": there are: ${known}`, {
        code: this.#isOpen ? 'BPF_PROGRAM_UNKNOWN' : 'BPF_CLOSED',
      });
    }
    return readProgramState(this.#libbpf, fd);
  }

  /** Detaches one program. Throws `BPF_ATTACH_FAILED` where there is no link of that name. */
  detach(name: string): void {
    const fd = this.#links.get(name);
    if (fd === undefined) {
      throw new BpfError(`detach "${name}": there are: ${this.linkNames.join(', ')}`, {
        code: 'BPF_ATTACH_FAILED',
      });
    }
    this.#links.delete(name);
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const held of [this.#links, this.#maps, this.#programs]) {
      for (const fd of held.values()) closeSync(fd);
    }
  }
}
