import type { LossCounts, ProbeLoad, ProgramCost } from '@millrace/probes';

/** A probe, as far as its cost and its losses go. */
interface MeteredProbe {
  readonly name: string;
  losses(): LossCounts;
  costs(): readonly ProgramCost[];
}

/** Without them there are no requests to tell. */
const essential: ReadonlySet<string> = new Set(['sockets', 'tls']);

interface Reading {
  readonly runNs: number;
  readonly attempted: number;
  readonly dropped: number;
}

/** Measures what probes cost and lose while it is there; without a count of their runs they seem to cost nothing. */
export class ProbeMeter implements Disposable {
  readonly #before: ReadonlyMap<MeteredProbe, Reading>;
  readonly #sinceMs = performance.now();
  readonly #counting: Disposable | undefined;

  /** `counting` is let go of with the meter, since it costs too. */
  constructor(probes: readonly MeteredProbe[], counting?: Disposable) {
    this.#counting = counting;
    this.#before = new Map(probes.map((probe) => [probe, readingOf(probe)]));
  }

  /** The loads since it was made. */
  loads(): readonly ProbeLoad[] {
    const elapsedNs = (performance.now() - this.#sinceMs) * 1e6;
    return Array.from(this.#before, ([probe, before]) => {
      const after = readingOf(probe);
      const attempted = after.attempted - before.attempted;
      return {
        name: probe.name,
        costShare: (after.runNs - before.runNs) / elapsedNs,
        droppedShare: attempted === 0 ? 0 : (after.dropped - before.dropped) / attempted,
        isEssential: essential.has(probe.name),
      };
    });
  }

  [Symbol.dispose](): void {
    this.#counting?.[Symbol.dispose]();
  }
}

function readingOf(probe: MeteredProbe): Reading {
  const { attempted, dropped } = probe.losses();
  const runNs = probe.costs().reduce((sum, cost) => sum + cost.runNs, 0);
  return { runNs, attempted, dropped };
}
