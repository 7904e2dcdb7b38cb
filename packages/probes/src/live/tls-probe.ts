import {
  attachTrace,
  attachUprobe,
  type Link,
  openRingBuffer,
  type RingBuffer,
} from '@millrace/bpf';
import { messageOf } from '@millrace/stdx';
import type { HandedProbe, RecordVisitor } from './probe-form.ts';
import {
  type LossCounts,
  ProbeObject,
  type ProgramCost,
  type ProgramState,
} from './probe-object.ts';

/** Where a process has OpenSSL: a library, or its own program where it is linked in. */
export interface TlsPlace {
  readonly pid: number;
  readonly path: string;
}

interface Hook {
  readonly program: string;
  readonly symbol: string;
  readonly isReturn: boolean;
}

const hooks: readonly Hook[] = [
  { program: 'on_read', symbol: 'SSL_read', isReturn: false },
  { program: 'on_read_done', symbol: 'SSL_read', isReturn: true },
  { program: 'on_write', symbol: 'SSL_write', isReturn: false },
  { program: 'on_write_done', symbol: 'SSL_write', isReturn: true },
  { program: 'on_read_extended', symbol: 'SSL_read_ex', isReturn: false },
  { program: 'on_read_done', symbol: 'SSL_read_ex', isReturn: true },
  { program: 'on_write_extended', symbol: 'SSL_write_ex', isReturn: false },
  { program: 'on_write_done', symbol: 'SSL_write_ex', isReturn: true },
  { program: 'on_free', symbol: 'SSL_free', isReturn: false },
];

/** What passes through OpenSSL in watched processes, in the form of the sockets probe's events. Disposing detaches. */
export class TlsProbe implements Disposable {
  readonly name = 'tls';
  readonly #object: ProbeObject;
  readonly #ring: RingBuffer;
  readonly #links: Link[] = [];
  #attached = 0;

  /** Loads; processes are watched from when they are added. Throws what @millrace/bpf throws. */
  constructor() {
    this.#object = new ProbeObject({
      name: 'tls',
      prepare: () => undefined,
      // The others are attached to each process.
      attach: (loaded, program) =>
        program === 'on_socket_receive' ? [attachTrace(loaded.program(program))] : [],
    });
    this.#ring = openRingBuffer(this.#object.loaded.map('events'), { wait: 'timer' });
  }

  get programs(): readonly ProgramState[] {
    return this.#object.programs;
  }

  /** Processes that are watched. */
  get processes(): number {
    return this.#attached;
  }

  /** Watches a process; where the file lacks OpenSSL's calls, the answer is why it cannot be. */
  addProcess({ pid, path }: TlsPlace): string | undefined {
    const links: Link[] = [];
    try {
      for (const { program, symbol, isReturn } of hooks) {
        links.push(
          attachUprobe(this.#object.loaded.program(program), { path, symbol, pid, isReturn }),
        );
      }
    } catch (error) {
      for (const link of links) link[Symbol.dispose]();
      return messageOf(error);
    }
    this.#links.push(...links);
    this.#attached++;
    return undefined;
  }

  drain(visit: RecordVisitor, recordsMax: number): number {
    return this.#ring.drain(visit, recordsMax);
  }

  costs(): readonly ProgramCost[] {
    return this.#object.costs();
  }

  losses(): LossCounts {
    return this.#object.losses();
  }

  /** Leaves the probe to what this process executes next, as `AdoptedProbe` takes it. */
  handOver(): HandedProbe {
    const parts = this.#object.handOver(['events', 'losses'], this.#links);
    return { name: this.name, programs: this.programs, parts };
  }

  [Symbol.dispose](): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
    this.#ring[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}
