import { setTimeout as sleep } from 'node:timers/promises';
import { becomeReader, readerIdentity } from '@millrace/bpf';
import { AdoptedEngine, AdoptedProbe } from '@millrace/probes';
import { describeEngines } from './engine-watch.ts';
import { portsListenedOn } from './listening-servers.ts';
import type { HandedTrace, ProbeStatus } from './trace-form.ts';
import type { TracePipeline } from './trace-pipeline.ts';

/** Variable of the environment that carries what is handed over from one program to the next. */
export const handedVariable = 'MILLRACE_TRACE_HANDED';

const lookMs = 20;
const recordsPerLookMax = 262_144;
/** How often further servers are looked for. */
const searchMs = 2_000;

/**
 * Replaces this process by one that has no capability in any thread, is nobody where nobody can read Millrace's files, and
 * goes on with the same command line. Throws what @millrace/bpf throws; the process must end then.
 */
export function becomeUnprivileged(
  handed: HandedTrace,
  env: Readonly<Record<string, string | undefined>>,
): never {
  const [script = '', ...args] = process.argv.slice(1);
  const identity = readerIdentity([script, process.execPath]);
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  becomeReader({
    args: [script, ...args],
    env: { ...Object.fromEntries(kept), [handedVariable]: JSON.stringify(handed) },
    ...(identity === undefined ? {} : { identity }),
  });
}

/** Probes that were attached by the program before this one. Disposing detaches them. */
export class UnprivilegedTrace implements Disposable {
  readonly #handed: HandedTrace;
  readonly #pipeline: TracePipeline;
  readonly #probes: readonly AdoptedProbe[];
  readonly #engines: ReadonlyMap<number, AdoptedEngine>;
  readonly #dropped = new Map<AdoptedProbe, number>();
  readonly #processes = new Set<number>();

  constructor(handed: HandedTrace, pipeline: TracePipeline) {
    this.#handed = handed;
    this.#pipeline = pipeline;
    this.#probes = handed.probes.map((probe) => new AdoptedProbe(probe));
    this.#engines = new Map(
      Object.entries(handed.engines).map(([tgid, engine]) => [
        Number(tgid),
        new AdoptedEngine(engine),
      ]),
    );
    for (const { name } of this.#probes) pipeline.watch(name);
  }

  get status(): readonly ProbeStatus[] {
    const attached = this.#probes.map((probe) => ({
      name: probe.name,
      programs: probe.programs,
      losses: probe.losses(),
    }));
    return [...attached, ...this.#handed.missing];
  }

  /** What was seen inside the engines that ran when the trace began, a line each. */
  engines(): readonly string[] {
    return describeEngines(this.#engines);
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal, onLook: () => void): Promise<void> {
    let sinceSearchMs = 0;
    while (!signal.aborted) {
      this.#look();
      onLook();
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
      sinceSearchMs += lookMs;
      if (sinceSearchMs < searchMs) continue;
      sinceSearchMs = 0;
      this.#search();
    }
    this.#look();
    this.#look();
  }

  [Symbol.dispose](): void {
    for (const probe of this.#probes) probe[Symbol.dispose]();
    for (const engine of this.#engines.values()) engine[Symbol.dispose]();
  }

  #look(): void {
    // What finished before this look has had all its evidence by now.
    this.#pipeline.flush();
    for (const probe of this.#probes) {
      probe.drain((view, offset, byteLength) => {
        this.#pipeline.push(probe.name, view, { offset, byteLength });
      }, recordsPerLookMax);
      const { dropped } = probe.losses();
      if (dropped > (this.#dropped.get(probe) ?? 0)) this.#pipeline.noteLoss(probe.name);
      this.#dropped.set(probe, dropped);
    }
    this.#addProcesses(this.#pipeline.processes);
  }

  /** Whose a port is needs privileges to see; that it is listened on does not, in the network namespace of this process. */
  #search(): void {
    const sockets = this.#probes.find(({ name }) => name === 'sockets');
    if (sockets === undefined) return;
    const known = new Set(sockets.ports());
    const found = this.#handed.watched.tellsAll ? [] : portsListenedOn();
    sockets.addPorts(found.filter((port) => !known.has(port)));
    for (const probe of this.#probes) if (probe !== sockets) probe.addPorts(sockets.ports());
    this.#addProcesses(sockets.processes());
  }

  #addProcesses(tgids: Iterable<number>): void {
    const further = [...tgids].filter((tgid) => !this.#processes.has(tgid));
    if (further.length === 0) return;
    for (const tgid of further) this.#processes.add(tgid);
    for (const probe of this.#probes) probe.addProcesses(further);
  }
}
