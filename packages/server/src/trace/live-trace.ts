import { countRuns, type RunCount } from '@millrace/bpf';
import {
  handOverProbe,
  type LoadedProbe,
  openKernelProbe,
  openStampsProbe,
} from '@millrace/probes';
import { messageOf } from '@millrace/stdx';
import type { Reach } from './engine-libraries.ts';
import { EngineWatch } from './engine-watch.ts';
import { findListeningServers } from './listening-servers.ts';
import type { HandedTrace, ProbeStatus } from './trace-form.ts';
import { type Minding, TraceLoop } from './trace-loop.ts';
import type { TracePipeline } from './trace-pipeline.ts';
import { TlsWatch } from './tls-watch.ts';
import { TraceRecorder } from './trace-recorder.ts';
import type { Watched } from './watch-choice.ts';

interface LiveTraceOptions {
  readonly watched: Watched;
  readonly pipeline: TracePipeline;
  /** A file that every record is written to. */
  readonly recordPath?: string;
  readonly epochNs: number;
  /** What passes through OpenSSL is followed too. */
  readonly followsTls: boolean;
  /** By file where this trace is to be handed over. */
  readonly reach: Reach;
  readonly minding: Minding;
}

/** Probes in the kernel whose records go through a pipeline. Disposing detaches them: nothing is left behind. */
export class LiveTrace implements Disposable {
  readonly #options: LiveTraceOptions;
  readonly #probes: readonly LoadedProbe[];
  readonly #missing: ProbeStatus[] = [];
  readonly #engines: EngineWatch;
  readonly #tls: TlsWatch | undefined;
  readonly #loop: TraceLoop;
  readonly #recorder: TraceRecorder | undefined;
  #canCount = true;

  constructor(options: LiveTraceOptions) {
    this.#options = options;
    const { recordPath, epochNs, watched, pipeline, minding, reach } = options;
    const sockets = openKernelProbe('sockets', watched.filter);
    // Those that explain come before the one that tells of requests, so that a request finds all that explains it.
    const early = [
      ...this.#opened('tcp-health', () => openKernelProbe('tcp-health', watched.filter)),
      ...this.#opened('run-queue', () => openKernelProbe('run-queue', watched.filter)),
      sockets,
    ];
    this.#engines = new EngineWatch(reach);
    this.#tls = options.followsTls ? new TlsWatch(reach) : undefined;
    const stamps = this.#opened('stamps', () => openStampsProbe(watched.filter.ports));
    this.#probes = [...early, ...(this.#tls === undefined ? [] : [this.#tls.probe]), ...stamps];
    this.#loop = new TraceLoop({
      pipeline,
      probes: this.#probes,
      missing: this.#missing,
      minding,
      count: () => this.#count(),
      findPorts: () => (watched.tellsAll ? [] : portsOfOthers()),
      onProcesses: (tgids) => {
        this.#engines.add(tgids);
        this.#tls?.add(tgids);
      },
      ...(recordPath === undefined
        ? {}
        : { onRecord: (probe, record) => this.#recorder?.write(probe, record) }),
    });
    this.#loop.addProcesses(watched.servers.map(({ tgid }) => tgid));
    if (recordPath === undefined) return;
    try {
      const probes = [...early.map(({ name }) => name), 'tls', 'stamps'];
      this.#recorder = new TraceRecorder({ path: recordPath, epochNs, probes });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get status(): readonly ProbeStatus[] {
    return this.#loop.status;
  }

  /** What was seen inside engines, a line each. */
  engines(): readonly string[] {
    return this.#engines.describe();
  }

  /** What this trace does not do, and what it would need, a line each. */
  get limits(): readonly string[] {
    using counting = this.#count();
    return counting === undefined ? [uncounted] : [];
  }

  /** Leaves everything attached to what this process executes next, which must follow. */
  handOver(): HandedTrace {
    const counting = this.#count()?.handOver();
    return {
      watched: this.#options.watched,
      probes: this.#probes.map((probe) => handOverProbe(probe)),
      engines: this.#engines.handOver(),
      missing: this.#missing,
      files: [...this.#engines.files, ...(this.#tls?.files ?? [])],
      ...(counting === undefined ? {} : { counting }),
    };
  }

  /** Follows until the signal aborts. */
  run(signal: AbortSignal, onLook: () => void): Promise<void> {
    return this.#loop.run(signal, onLook);
  }

  [Symbol.dispose](): void {
    this.#engines[Symbol.dispose]();
    this.#loop[Symbol.dispose]();
    this.#recorder?.[Symbol.dispose]();
  }

  /** A probe that explains, where it can be attached. */
  #opened(name: string, open: () => LoadedProbe): readonly LoadedProbe[] {
    try {
      return [open()];
    } catch (error) {
      this.#missing.push(missingProbe(name, messageOf(error)));
      return [];
    }
  }

  /** Without the kernel's count nothing is known of cost, and nothing is turned off for it. */
  #count(): RunCount | undefined {
    if (!this.#canCount) return undefined;
    try {
      return countRuns();
    } catch {
      this.#canCount = false;
      return undefined;
    }
  }
}

/** Said where nothing can be turned off for its cost. */
export const uncounted =
  'probes are not turned off for what they cost: counting their runs needs CAP_SYS_ADMIN and kernel >= 5.8';

function portsOfOthers(): readonly number[] {
  return findListeningServers()
    .filter(({ tgid }) => tgid !== process.pid)
    .flatMap(({ ports }) => ports);
}

function missingProbe(name: string, reason: string): ProbeStatus {
  const losses = { attempted: 0, delivered: 0, dropped: 0, discarded: 0 };
  return { name, programs: [{ name: 'all', isAttached: false, reason }], losses };
}
