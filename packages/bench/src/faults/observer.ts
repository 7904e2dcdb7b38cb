import { type KernelProbeName, type LoadedProbe, openKernelProbe } from '@millrace/probes';

/** Raw records of each probe, in the order of its ring, and how many found no room. */
export interface RawTrace {
  readonly sockets: readonly string[];
  readonly tcp: readonly string[];
  readonly scheduler: readonly string[];
  readonly dropped: number;
}

/** A server in a world of its own. */
export interface WatchedServer {
  readonly processId: number;
  readonly port: number;
}

const recordsMax = 1_000_000;
const names: readonly KernelProbeName[] = ['sockets', 'tcp-health', 'run-queue'];

/** The probes of a live trace, attached. Disposing detaches them. */
export class Observer implements Disposable {
  readonly #probes: readonly LoadedProbe[];
  readonly #stack: DisposableStack;
  #droppedBefore = 0;

  constructor() {
    using stack = new DisposableStack();
    this.#probes = names.map((name) => stack.use(openKernelProbe(name, { ports: [], tgids: [] })));
    this.#stack = stack.move();
  }

  /** Watches a server beside those that are watched. */
  watch({ processId, port }: WatchedServer): void {
    for (const probe of this.#probes) {
      probe.addPorts([port]);
      probe.addProcesses([processId]);
    }
  }

  /** Its process is forgotten by itself when it ends. */
  forget({ port }: WatchedServer): void {
    for (const probe of this.#probes) probe.removePort(port);
  }

  /** Everything since the last call. */
  collect(): RawTrace {
    const [sockets = [], tcp = [], scheduler = []] = this.#probes.map((probe) => drain(probe));
    const droppedNow = this.#probes.reduce((sum, probe) => sum + probe.losses().dropped, 0);
    const dropped = droppedNow - this.#droppedBefore;
    this.#droppedBefore = droppedNow;
    return { sockets, tcp, scheduler, dropped };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

function drain(probe: LoadedProbe): readonly string[] {
  const records: string[] = [];
  probe.drain((view, offset, byteLength) => {
    records.push(Buffer.from(view.buffer, view.byteOffset + offset, byteLength).toString('base64'));
  }, recordsMax);
  return records;
}
