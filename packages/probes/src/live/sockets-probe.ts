import { openRingBuffer, type RingBuffer } from '@millrace/bpf';
import { type LossCounts, ProbeObject, type ProgramState } from './probe-object.ts';
import {
  filterConstants,
  portKey,
  type WatchFilter,
  watchPorts,
  watchProcesses,
} from './watch-filter.ts';

/** Takes a record's bytes: valid during the call only. */
export type RecordVisitor = (view: DataView, offset: number, byteLength: number) => void;

/** What every probe that tells through a ring can do. */
export interface RingProbe extends Disposable {
  readonly name: string;
  readonly programs: readonly ProgramState[];
  /** Hands over what there is, up to so many records; how many. */
  drain(visit: RecordVisitor, recordsMax: number): number;
  losses(): LossCounts;
}

/** Connections of watched servers: opened, received, sent, changed state. */
export class SocketsProbe implements RingProbe {
  readonly name = 'sockets';
  readonly #object: ProbeObject;
  readonly #ring: RingBuffer;

  /** Loads and attaches. Throws what @millrace/bpf throws where the kernel or a capability is lacking. */
  constructor(filter: WatchFilter) {
    this.#object = new ProbeObject({
      name: 'sockets',
      constants: filterConstants(filter),
      prepare: (loaded) => {
        watchProcesses(loaded.map('targets'), filter.tgids ?? []);
        watchPorts(loaded.map('ports'), filter.ports);
      },
    });
    this.#ring = openRingBuffer(this.#object.loaded.map('events'), { wait: 'timer' });
  }

  get programs(): readonly ProgramState[] {
    return this.#object.programs;
  }

  /** The ports that are watched, those among them that a watched process has opened since. */
  ports(): readonly number[] {
    return Array.from(
      this.#object.loaded.map('ports').keys(),
      (key) => (key[0] ?? 0) + (key[1] ?? 0) * 256,
    );
  }

  /** Watches further ports. */
  addPorts(ports: readonly number[]): void {
    watchPorts(this.#object.loaded.map('ports'), ports);
  }

  /** New connections to a port are left alone. */
  removePort(port: number): void {
    this.#object.loaded.map('ports').delete(portKey(port));
  }

  drain(visit: RecordVisitor, recordsMax: number): number {
    return this.#ring.drain(visit, recordsMax);
  }

  losses(): LossCounts {
    return this.#object.losses();
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}
