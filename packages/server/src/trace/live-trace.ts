import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  encodeRecordedEvent,
  encodeRecordingHead,
  type LossCounts,
  type ProgramState,
  type RingProbe,
  SocketsProbe,
} from '@millrace/probes';
import { findListeningServers } from './listening-servers.ts';
import type { TracePipeline } from './trace-pipeline.ts';
import type { Watched } from './watch-choice.ts';

interface LiveTraceOptions {
  readonly watched: Watched;
  readonly pipeline: TracePipeline;
  /** A file that every record is written to. */
  readonly recordPath?: string;
  readonly epochNs: number;
}

/** The probes of a live trace, and how they stand. */
export interface ProbeStatus {
  readonly name: string;
  readonly programs: readonly ProgramState[];
  readonly losses: LossCounts;
}

/** How often rings are looked at. A request is told one look after its end, when all evidence has come. */
const lookMs = 20;
const recordsPerLookMax = 262_144;
/** How often further servers are looked for where none were named. */
const searchMs = 2_000;

/** Probes in the kernel whose records go through a pipeline. Disposing detaches them: nothing is left behind. */
export class LiveTrace implements Disposable {
  readonly #options: LiveTraceOptions;
  readonly #sockets: SocketsProbe;
  readonly #probes: readonly RingProbe[];
  readonly #file: number | undefined;
  #dropped = 0;

  constructor(options: LiveTraceOptions) {
    this.#options = options;
    this.#sockets = new SocketsProbe(options.watched.filter);
    this.#probes = [this.#sockets];
    const { recordPath, epochNs } = options;
    try {
      this.#file = recordPath === undefined ? undefined : openSync(recordPath, 'w', 0o600);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    if (this.#file !== undefined) {
      writeSync(
        this.#file,
        encodeRecordingHead({ epochNs, probes: this.#probes.map(({ name }) => name) }),
      );
    }
  }

  get status(): readonly ProbeStatus[] {
    return this.#probes.map((probe) => ({
      name: probe.name,
      programs: probe.programs,
      losses: probe.losses(),
    }));
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal, onLook: () => void): Promise<void> {
    let sinceSearchMs = 0;
    while (!signal.aborted) {
      this.look();
      onLook();
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
      sinceSearchMs += lookMs;
      if (this.#options.watched.tellsAll || sinceSearchMs < searchMs) continue;
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
    for (const [number, probe] of this.#probes.entries()) {
      probe.drain((view, offset, byteLength) => {
        if (this.#file !== undefined) {
          writeSync(this.#file, encodeRecordedEvent(number, { view, offset, byteLength }));
        }
        pipeline.push(probe.name, view, { offset, byteLength });
      }, recordsPerLookMax);
    }
    const { dropped } = this.#sockets.losses();
    if (dropped > this.#dropped) pipeline.noteLoss();
    this.#dropped = dropped;
  }

  [Symbol.dispose](): void {
    for (const probe of this.#probes) probe[Symbol.dispose]();
    if (this.#file !== undefined) closeSync(this.#file);
  }

  #search(): void {
    const known = new Set(this.#sockets.ports());
    const ports = findListeningServers()
      .filter(({ tgid }) => tgid !== process.pid)
      .flatMap((server) => server.ports);
    this.#sockets.addPorts(ports.filter((port) => !known.has(port)));
  }
}
