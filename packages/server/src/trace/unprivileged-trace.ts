import { setTimeout as sleep } from 'node:timers/promises';
import { becomeReader, readerIdentity } from '@millrace/bpf';
import { AdoptedProbe, type HandedProbe, KernelProbe } from '@millrace/probes';
import { messageOf } from '@millrace/stdx';
import type { ProbeStatus } from './live-trace.ts';
import type { TracePipeline } from './trace-pipeline.ts';
import type { Watched } from './watch-choice.ts';

/** What the part of a trace with privileges leaves to the one without. */
export interface HandedTrace {
  readonly watched: Watched;
  readonly probes: readonly HandedProbe[];
  /** Probes that could not be attached, and why. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
}

/** Variable of the environment that carries it from one program to the next. */
export const handedVariable = 'MILLRACE_TRACE_HANDED';

const lookMs = 20;
const recordsPerLookMax = 262_144;

/**
 * Attaches probes, then replaces this process by one that has no capability in any thread, is nobody where nobody can
 * read Millrace's files, and goes on with the same command line. Throws what @millrace/bpf throws.
 */
export function becomeUnprivileged(
  watched: Watched,
  env: Readonly<Record<string, string | undefined>>,
): never {
  const tgids = watched.servers.map(({ tgid }) => tgid);
  const missing: { readonly name: string; readonly reason: string }[] = [];
  const explaining = (['tcp-health', 'run-queue'] as const).flatMap((name) => {
    try {
      const probe = new KernelProbe(name, watched.filter);
      probe.addProcesses(tgids);
      return [probe];
    } catch (error) {
      missing.push({ name, reason: messageOf(error) });
      return [];
    }
  });
  const probes = [...explaining, new KernelProbe('sockets', watched.filter)];
  const handed: HandedTrace = { watched, probes: probes.map((probe) => probe.handOver()), missing };
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
  readonly #pipeline: TracePipeline;
  readonly #probes: readonly AdoptedProbe[];
  readonly #missing: HandedTrace['missing'];
  readonly #dropped = new Map<AdoptedProbe, number>();

  constructor({ probes, missing }: HandedTrace, pipeline: TracePipeline) {
    this.#pipeline = pipeline;
    this.#missing = missing;
    this.#probes = probes.map((probe) => new AdoptedProbe(probe));
    for (const { name } of this.#probes) pipeline.watch(name);
  }

  get status(): readonly ProbeStatus[] {
    const none = { attempted: 0, delivered: 0, dropped: 0, discarded: 0 };
    return [
      ...this.#probes.map((probe) => ({
        name: probe.name,
        programs: probe.programs,
        losses: probe.losses(),
      })),
      ...this.#missing.map(({ name, reason }) => ({
        name,
        programs: [{ name: 'all', isAttached: false, reason }],
        losses: none,
      })),
    ];
  }

  /** Looking into an engine needs privileges for as long as engines may start. */
  engines(): readonly string[] {
    return [];
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal, onLook: () => void): Promise<void> {
    while (!signal.aborted) {
      this.#look();
      onLook();
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
    this.#look();
    this.#look();
  }

  [Symbol.dispose](): void {
    for (const probe of this.#probes) probe[Symbol.dispose]();
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
  }
}
