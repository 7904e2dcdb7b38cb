import { closeSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import { BpfMap } from '../maps/bpf-map.ts';
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
export function adoptPins(folder: PinFolder, options: AdoptOptions = {}): AdoptedPins {
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
    const adopted = new AdoptedPins({ libbpf, maps: open('maps'), links: open('links') });
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

interface Parts {
  readonly libbpf: Libbpf;
  readonly maps: ReadonlyMap<string, number>;
  readonly links: ReadonlyMap<string, number>;
}

/** Maps and links that another process made. Disposing closes them; what nothing else holds is detached. */
export class AdoptedPins implements Disposable {
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
