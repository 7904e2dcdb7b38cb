import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  encodeRecordedEvent,
  encodeRecordingHead,
  KernelProbe,
  type ProbeBudget,
  probeToShed,
  StampsProbe,
  TlsProbe,
} from '@millrace/probes';
import { messageOf } from '@millrace/stdx';
import { findTls } from './engine-libraries.ts';
import { EngineWatch } from './engine-watch.ts';
import { findListeningServers } from './listening-servers.ts';
import { ProbeMeter } from './probe-meter.ts';
import type { TracePipeline } from './trace-pipeline.ts';
import type { HandedTrace, ProbeStatus } from './trace-form.ts';
import type { Watched } from './watch-choice.ts';

interface LiveTraceOptions {
  readonly watched: Watched;
  readonly pipeline: TracePipeline;
  /** A file that every record is written to. */
  readonly recordPath?: string;
  readonly epochNs: number;
  readonly budget: ProbeBudget;
  /** What passes through OpenSSL is followed too. */
  readonly followsTls: boolean;
  /** How often probes are measured; every 5 s where it is absent. */
  readonly meterEveryMs?: number;
  /** A probe was turned off. */
  readonly onShed: (probe: string, reason: string) => void;
}

type AnyProbe = KernelProbe | TlsProbe | StampsProbe;

/** How often rings are looked at. A request is told one look after its end, when all evidence has come. */
const lookMs = 20;
const recordsPerLookMax = 262_144;
/** How often further servers are looked for where none were named. */
const searchMs = 2_000;
/** How often the cost of probes is measured, and for how long. */
const meterEveryMsDefault = 5_000;
const meterMs = 500;

/** Probes in the kernel whose records go through a pipeline. Disposing detaches them: nothing is left behind. */
export class LiveTrace implements Disposable {
  readonly #options: LiveTraceOptions;
  readonly #sockets: KernelProbe;
  /** Those that explain come before the one that tells of requests, so that a request finds all that explains it. */
  readonly #probes: KernelProbe[];
  /** The number that stands before a probe's records in a recording. */
  readonly #numbers: ReadonlyMap<KernelProbe, number>;
  readonly #missing: ProbeStatus[] = [];
  readonly #file: number | undefined;
  readonly #dropped = new Map<AnyProbe, number>();
  readonly #processes = new Set<number>();
  readonly #engines = new EngineWatch();
  readonly #tls: TlsProbe | undefined;
  #stamps: StampsProbe | undefined;
  #meter: ProbeMeter | undefined;
  #canMeter = true;

  constructor(options: LiveTraceOptions) {
    this.#options = options;
    const { recordPath, epochNs, watched } = options;
    this.#sockets = new KernelProbe('sockets', watched.filter);
    this.#probes = [...this.#explaining(), this.#sockets];
    this.#numbers = new Map(this.#probes.map((probe, number) => [probe, number]));
    this.#tls = options.followsTls ? new TlsProbe() : undefined;
    this.#stamps = this.#stamping(watched.filter.ports);
    for (const probe of this.#probes) options.pipeline.watch(probe.name);
    this.#addProcesses(watched.servers.map(({ tgid }) => tgid));
    try {
      this.#file = recordPath === undefined ? undefined : openSync(recordPath, 'w', 0o600);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    if (this.#file !== undefined) {
      writeSync(
        this.#file,
        encodeRecordingHead({
          epochNs,
          probes: [...this.#probes.map(({ name }) => name), 'tls', 'stamps'],
        }),
      );
    }
  }

  get status(): readonly ProbeStatus[] {
    const attached = this.#all.map((probe) => ({
      name: probe.name,
      programs: probe.programs,
      losses: probe.losses(),
    }));
    return [...attached, ...this.#missing];
  }

  /** What was seen inside engines, a line each. */
  engines(): readonly string[] {
    return this.#engines.describe();
  }

  /** Leaves everything attached to what this process executes next, which must follow. */
  handOver(): HandedTrace {
    return {
      watched: this.#options.watched,
      probes: this.#all.map((probe) => probe.handOver()),
      engines: this.#engines.handOver(),
      missing: this.#missing,
    };
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal, onLook: () => void): Promise<void> {
    let sinceSearchMs = 0;
    let sinceMeterMs = 0;
    const meterEveryMs = this.#options.meterEveryMs ?? meterEveryMsDefault;
    while (!signal.aborted) {
      this.look();
      onLook();
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
      sinceSearchMs += lookMs;
      sinceMeterMs += lookMs;
      if (sinceMeterMs >= meterEveryMs) sinceMeterMs = 0;
      this.#mind(sinceMeterMs);
      if (sinceSearchMs < searchMs) continue;
      sinceSearchMs = 0;
      this.#search();
    }
    this.look();
    this.look();
  }

  /** Takes what the rings hold. */
  look(): void {
    const { pipeline } = this.#options;
    // What finished before this look has had all its evidence by now.
    pipeline.flush();
    for (const probe of this.#probes) this.#drain(probe, this.#numbers.get(probe) ?? 0);
    if (this.#tls !== undefined) this.#drain(this.#tls, this.#numbers.size);
    if (this.#stamps !== undefined) this.#drain(this.#stamps, this.#numbers.size + 1);
    this.#noteLosses();
    this.#addProcesses(pipeline.processes);
  }

  [Symbol.dispose](): void {
    this.#meter?.[Symbol.dispose]();
    this.#engines[Symbol.dispose]();
    this.#tls?.[Symbol.dispose]();
    this.#stamps?.[Symbol.dispose]();
    for (const probe of this.#probes) probe[Symbol.dispose]();
    if (this.#file !== undefined) closeSync(this.#file);
  }

  /** Measures probes now and then, and turns off what is over the budget. */
  #mind(sinceMeterMs: number): void {
    if (sinceMeterMs === 0 && this.#canMeter) this.#meter ??= this.#startMeter();
    if (sinceMeterMs < meterMs || this.#meter === undefined) return;
    const shedding = probeToShed(this.#meter.loads(), this.#options.budget);
    this.#meter[Symbol.dispose]();
    this.#meter = undefined;
    const probe = this.#all.find(({ name }) => name === shedding?.name);
    if (shedding !== undefined && probe !== undefined) this.#shed(probe, shedding.reason);
  }

  #shed(probe: AnyProbe, reason: string): void {
    this.look();
    const { name } = probe;
    const programs = probe.programs.map((program) => ({ ...program, isAttached: false, reason }));
    this.#missing.push({ name, programs, losses: probe.losses() });
    if (probe === this.#stamps) this.#stamps = undefined;
    const at = this.#probes.findIndex((one) => one === probe);
    if (at >= 0) this.#probes.splice(at, 1);
    probe[Symbol.dispose]();
    this.#options.pipeline.unwatch(name);
    this.#options.onShed(name, reason);
  }

  /** Without the kernel's count nothing is known of cost, and nothing is turned off for it. */
  #startMeter(): ProbeMeter | undefined {
    try {
      return new ProbeMeter(this.#all);
    } catch {
      this.#canMeter = false;
      return undefined;
    }
  }

  #explaining(): readonly KernelProbe[] {
    return (['tcp-health', 'run-queue'] as const).flatMap((name) => {
      try {
        return [new KernelProbe(name, this.#options.watched.filter)];
      } catch (error) {
        this.#missing.push(missingProbe(name, messageOf(error)));
        return [];
      }
    });
  }

  get #all(): readonly AnyProbe[] {
    return [...this.#probes, this.#tls, this.#stamps].filter((probe) => probe !== undefined);
  }

  /** Without TX timestamps it is made out from acknowledgements when writes left. */
  #stamping(ports: readonly number[]): StampsProbe | undefined {
    try {
      return new StampsProbe(ports);
    } catch (error) {
      this.#missing.push(missingProbe('stamps', messageOf(error)));
      return undefined;
    }
  }

  #drain(probe: AnyProbe, number: number): void {
    probe.drain((view, offset, byteLength) => {
      if (this.#file !== undefined) {
        writeSync(this.#file, encodeRecordedEvent(number, { view, offset, byteLength }));
      }
      this.#options.pipeline.push(probe.name, view, { offset, byteLength });
    }, recordsPerLookMax);
  }

  #noteLosses(): void {
    for (const probe of this.#all) {
      const { dropped } = probe.losses();
      if (dropped > (this.#dropped.get(probe) ?? 0)) this.#options.pipeline.noteLoss(probe.name);
      this.#dropped.set(probe, dropped);
    }
  }

  /** Threads are watched of processes that serve, as soon as they are known to. */
  #addProcesses(tgids: Iterable<number>): void {
    const further = [...tgids].filter((tgid) => !this.#processes.has(tgid));
    if (further.length === 0) return;
    for (const tgid of further) this.#processes.add(tgid);
    this.#engines.add(further);
    this.#addTls(further);
    for (const probe of this.#probes) probe.addProcesses(further);
  }

  /** A process without OpenSSL has nothing to follow there. */
  #addTls(tgids: readonly number[]): void {
    if (this.#tls === undefined) return;
    for (const tgid of tgids) {
      const place = findTls(tgid);
      if (place !== undefined) this.#tls.addProcess(place);
    }
  }

  #search(): void {
    const known = new Set(this.#sockets.ports());
    if (!this.#options.watched.tellsAll) {
      const found = findListeningServers()
        .filter(({ tgid }) => tgid !== process.pid)
        .flatMap((server) => server.ports);
      this.#sockets.addPorts(found.filter((port) => !known.has(port)));
    }
    const ports = this.#sockets.ports();
    const tgids = this.#sockets.processes();
    this.#stamps?.addPorts(ports);
    for (const probe of this.#probes) if (probe !== this.#sockets) probe.addPorts(ports);
    this.#addProcesses(tgids);
  }
}

function missingProbe(name: AnyProbe['name'], reason: string): ProbeStatus {
  const losses = { attempted: 0, delivered: 0, dropped: 0, discarded: 0 };
  return { name, programs: [{ name: 'all', isAttached: false, reason }], losses };
}
