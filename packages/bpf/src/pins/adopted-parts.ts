import { closeSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import { BpfMap } from '../maps/bpf-map.ts';
import type { Link } from '../links/link.ts';
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
    const adopted = new AdoptedParts({ libbpf, maps: open('maps'), links: open('links') });
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
}

export interface PartsToHandOver {
  readonly maps: readonly BpfMap[];
  /** By the names that they are adopted under. */
  readonly links: Readonly<Record<string, Link>>;
}

/**
 * Lets what this process executes next keep maps and links: without pins, and so without bpffs. The process must not go on
 * by itself, or its children would inherit them too. Throws `BPF_PRIVILEGE_FAILED`.
 */
export function handOver({ maps, links }: PartsToHandOver): HandedOver {
  const handed = {
    maps: Object.fromEntries(maps.map((map) => [map.name.replaceAll('.', '_'), map.fd])),
    links: Object.fromEntries(Object.entries(links).map(([name, link]) => [name, link.fd])),
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
  });
}

function descriptorsOf({ maps, links }: HandedOver): readonly number[] {
  return [...Object.values(maps), ...Object.values(links)];
}

interface Parts {
  readonly libbpf: Libbpf;
  readonly maps: ReadonlyMap<string, number>;
  readonly links: ReadonlyMap<string, number>;
}

/** Maps and links that another process, or this one before it executed this program, made. Disposing closes them; what nothing else holds is detached. */
export class AdoptedParts implements Disposable {
  readonly #libbpf: Libbpf;
  readonly #maps: Map<string, number>;
  readonly #links: Map<string, number>;
  #isOpen = true;

  constructor({ libbpf, maps, links }: Parts) {
    this.#libbpf = libbpf;
    this.#maps = new Map(maps);
    this.#links = new Map(links);
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
    for (const fd of [...this.#links.values(), ...this.#maps.values()]) closeSync(fd);
  }
}
