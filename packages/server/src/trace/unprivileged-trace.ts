import { becomeReader, readerIdentity, type RunCount, takeOverCount } from '@millrace/bpf';
import { adoptEngine, adoptProbe, type EngineProbe } from '@millrace/probes';
import { addProcesses, describeEngines } from './engine-watch.ts';
import { uncounted } from './live-trace.ts';
import { portsListenedOn } from './listening-servers.ts';
import type { HandedTrace, ProbeStatus } from './trace-form.ts';
import { type Minding, TraceLoop } from './trace-loop.ts';
import type { TracePipeline } from './trace-pipeline.ts';

/** Variable of the environment that carries what is handed over from one program to the next. */
export const handedVariable = 'MILLRACE_TRACE_HANDED';

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

interface UnprivilegedTraceOptions {
  readonly handed: HandedTrace;
  readonly pipeline: TracePipeline;
  readonly minding: Minding;
}

/** Probes that were attached by the program before this one. Disposing detaches them. */
export class UnprivilegedTrace implements Disposable {
  readonly #files: readonly string[];
  readonly #engines: ReadonlyMap<string, EngineProbe>;
  readonly #loop: TraceLoop;
  /** The kernel counts as long as this is held: who has let go of it may not begin again. */
  readonly #counting: RunCount | undefined;

  /** Throws what @millrace/bpf throws where a descriptor is none. */
  constructor({ handed, pipeline, minding }: UnprivilegedTraceOptions) {
    this.#files = handed.files;
    this.#counting = handed.counting === undefined ? undefined : takeOverCount(handed.counting);
    this.#engines = new Map(
      Object.entries(handed.engines).map(([label, engine]) => [label, adoptEngine(engine)]),
    );
    this.#loop = new TraceLoop({
      pipeline,
      probes: handed.probes.map((probe) => adoptProbe(probe)),
      missing: handed.missing,
      minding,
      count: () => undefined,
      onProcesses: (tgids) => addProcesses(this.#engines, tgids),
      // Whose a port is needs privileges to see; that it is listened on does not, in the network namespace of this process.
      findPorts: () => (handed.watched.tellsAll ? [] : portsListenedOn()),
    });
  }

  get status(): readonly ProbeStatus[] {
    return this.#loop.status;
  }

  /** What this trace does not do, and what it would need, a line each. */
  get limits(): readonly string[] {
    const files = this.#files.length === 0 ? 'no file' : this.#files.join(', ');
    const inside = `inside processes that start later, engines and OpenSSL are followed in ${files}; for other files --privileged is needed`;
    return this.#counting === undefined ? [inside, uncounted] : [inside];
  }

  /** What was seen inside engines, a line each. */
  engines(): readonly string[] {
    return describeEngines(this.#engines);
  }

  /** Follows until the signal aborts. */
  run(signal: AbortSignal, onLook: () => void): Promise<void> {
    return this.#loop.run(signal, onLook);
  }

  [Symbol.dispose](): void {
    this.#loop[Symbol.dispose]();
    for (const engine of this.#engines.values()) engine[Symbol.dispose]();
    this.#counting?.[Symbol.dispose]();
  }
}
