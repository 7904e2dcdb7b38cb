import { setTimeout as sleep } from 'node:timers/promises';
import { type ProbeBudget, probeToShed, type RingProbe } from '@millrace/probes';
import { ProbeMeter } from './probe-meter.ts';
import type { ProbeStatus } from './trace-form.ts';
import type { TracePipeline } from './trace-pipeline.ts';

/** How a trace minds what its probes cost and lose. */
export interface Minding {
  readonly budget: ProbeBudget;
  /** How often probes are measured; every 5 s where it is absent. */
  readonly meterEveryMs?: number;
  /** A probe was turned off. */
  readonly onShed: (probe: string, reason: string) => void;
}

interface LoopOptions {
  readonly pipeline: TracePipeline;
  /** In the order in which they are drained, the sockets probe among them. Disposed with the loop. */
  readonly probes: readonly RingProbe[];
  /** Probes that could not be attached. */
  readonly missing: readonly ProbeStatus[];
  readonly minding: Minding;
  /** Has the kernel count what programs cost, for one measurement. Undefined where nobody can: only losses are minded then. */
  readonly count: () => Disposable | undefined;
  /** Ports of servers that may have come since. */
  readonly findPorts: () => readonly number[];
  /** Processes are watched that were not before. */
  readonly onProcesses?: (tgids: readonly number[]) => void;
  /** Sees each record before the pipeline does. */
  readonly onRecord?: (
    probe: string,
    record: { readonly view: DataView; readonly offset: number; readonly byteLength: number },
  ) => void;
}

/** How often rings are looked at. A request is told one look after its end, when all evidence has come. */
const lookMs = 20;
/** How often where nothing came for a while and nothing waits to be told. */
const lookMsIdle = 50;
const quietLooksMin = 25;
const recordsPerLookMax = 262_144;
/** How often further servers are looked for. */
const searchMs = 2_000;
/** How often the cost of probes is measured, and for how long. */
const meterEveryMsDefault = 5_000;
const meterMs = 500;

/**
 * What every live trace does, with privileges or without: looks at rings, watches who serves, and turns off probes that are
 * over their budget. Disposing detaches all probes.
 */
export class TraceLoop implements Disposable {
  readonly #options: LoopOptions;
  readonly #sockets: RingProbe | undefined;
  readonly #missing: ProbeStatus[];
  readonly #dropped = new Map<RingProbe, number>();
  readonly #processes = new Set<number>();
  #probes: readonly RingProbe[];
  #meter: ProbeMeter | undefined;
  /** Looks in a row that found nothing. */
  #quietLooks = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#probes = options.probes;
    this.#missing = [...options.missing];
    this.#sockets = options.probes.find(({ name }) => name === 'sockets');
    for (const { name } of this.#probes) options.pipeline.watch(name);
  }

  get status(): readonly ProbeStatus[] {
    const attached = this.#probes.map((probe) => ({
      name: probe.name,
      programs: probe.programs,
      losses: probe.losses(),
    }));
    return [...attached, ...this.#missing];
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal, onLook: () => void): Promise<void> {
    let sinceSearchMs = 0;
    let sinceMeterMs = 0;
    const meterEveryMs = this.#options.minding.meterEveryMs ?? meterEveryMsDefault;
    while (!signal.aborted) {
      this.#look();
      onLook();
      const restMs = this.#quietLooks < quietLooksMin ? lookMs : lookMsIdle;
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
      sinceSearchMs += restMs;
      sinceMeterMs += restMs;
      if (sinceMeterMs >= meterEveryMs) sinceMeterMs = 0;
      this.#mind(sinceMeterMs);
      if (sinceSearchMs < searchMs) continue;
      sinceSearchMs = 0;
      this.#search();
    }
    this.#look();
    this.#look();
  }

  /** Threads are watched of processes that serve, as soon as they are known to. */
  addProcesses(tgids: Iterable<number>): void {
    const further = [...tgids].filter((tgid) => !this.#processes.has(tgid));
    if (further.length === 0) return;
    for (const tgid of further) this.#processes.add(tgid);
    this.#options.onProcesses?.(further);
    for (const probe of this.#probes) probe.addProcesses(further);
  }

  [Symbol.dispose](): void {
    this.#meter?.[Symbol.dispose]();
    for (const probe of this.#probes) probe[Symbol.dispose]();
    this.#probes = [];
  }

  #look(): void {
    const { pipeline } = this.#options;
    // What finished before this look has had all its evidence by now.
    pipeline.flush();
    let found = pipeline.waitingRequests;
    for (const probe of this.#probes) found += this.#drain(probe);
    this.#quietLooks = found === 0 ? this.#quietLooks + 1 : 0;
    this.#addLosses();
    this.addProcesses(pipeline.processes);
  }

  #drain(probe: RingProbe): number {
    const { onRecord, pipeline } = this.#options;
    const { name } = probe;
    return probe.drain((view, offset, byteLength) => {
      onRecord?.(name, { view, offset, byteLength });
      pipeline.push(name, view, { offset, byteLength });
    }, recordsPerLookMax);
  }

  #addLosses(): void {
    for (const probe of this.#probes) {
      const { dropped } = probe.losses();
      if (dropped > (this.#dropped.get(probe) ?? 0)) this.#options.pipeline.noteLoss(probe.name);
      this.#dropped.set(probe, dropped);
    }
  }

  /** Measures probes now and then, and turns off what is over the budget. */
  #mind(sinceMeterMs: number): void {
    if (sinceMeterMs === 0) this.#meter ??= new ProbeMeter(this.#probes, this.#options.count());
    if (sinceMeterMs < meterMs || this.#meter === undefined) return;
    const shedding = probeToShed(this.#meter.loads(), this.#options.minding.budget);
    this.#meter[Symbol.dispose]();
    this.#meter = undefined;
    const probe = this.#probes.find(({ name }) => name === shedding?.name);
    if (shedding !== undefined && probe !== undefined) this.#shed(probe, shedding.reason);
  }

  #shed(probe: RingProbe, reason: string): void {
    this.#look();
    const { name } = probe;
    const programs = probe.programs.map((program) => ({ ...program, isAttached: false, reason }));
    this.#missing.push({ name, programs, losses: probe.losses() });
    this.#probes = this.#probes.filter((one) => one !== probe);
    probe[Symbol.dispose]();
    this.#options.pipeline.unwatch(name);
    this.#options.minding.onShed(name, reason);
  }

  #search(): void {
    const sockets = this.#sockets;
    if (sockets === undefined) return;
    const known = new Set(sockets.ports());
    sockets.addPorts(this.#options.findPorts().filter((port) => !known.has(port)));
    const ports = sockets.ports();
    for (const probe of this.#probes) if (probe !== sockets) probe.addPorts(ports);
    this.addProcesses(sockets.processes());
  }
}
