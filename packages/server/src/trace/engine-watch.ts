import {
  type DeviceCalls,
  type EngineLibraries,
  type EngineProbe,
  type EngineSteps,
  type HandedParts,
  handOverEngine,
  openEngineProbe,
  type ProbeObject,
  stepQuantileNs,
} from '@millrace/probes';
import { messageOf } from '@millrace/stdx';
import { fileIdentity, findEngineLibraries, ownLlamaFile, type Reach } from './engine-libraries.ts';

const enginesMax = 64;

/** Probes inside the engines among the watched processes. Disposing detaches them. */
export class EngineWatch implements Disposable {
  readonly #reach: Reach;
  /** By process, or by the file of the library. */
  readonly #probes = new Map<string, EngineProbe<ProbeObject>>();
  readonly #seen = new Set<string>();
  readonly #faults: string[] = [];

  constructor(reach: Reach) {
    this.#reach = reach;
    const llamaPath = reach === 'by-file' ? ownLlamaFile() : undefined;
    if (llamaPath !== undefined) this.#watch({ llamaPath });
  }

  /** Files that are followed in whatever process uses them. */
  get files(): readonly string[] {
    return this.#reach === 'by-file' ? [...this.#probes.keys()] : [];
  }

  /** Watches those of the processes that have an engine's library; each process, or each library, is looked at once. */
  add(tgids: readonly number[]): void {
    for (const tgid of tgids) {
      const libraries = findEngineLibraries(tgid);
      if (libraries !== undefined) this.#watch(libraries);
    }
    if (this.#reach === 'by-file') addProcesses(this.#probes, tgids);
  }

  /** What the engines did, a line each. */
  describe(): readonly string[] {
    return [...this.#faults, ...describeEngines(this.#probes)];
  }

  /** Leaves the probes, by process or file, to what this process executes next. */
  handOver(): Readonly<Record<string, HandedParts>> {
    return Object.fromEntries(
      Array.from(this.#probes, ([label, probe]) => [label, handOverEngine(probe)]),
    );
  }

  [Symbol.dispose](): void {
    for (const probe of this.#probes.values()) probe[Symbol.dispose]();
    this.#probes.clear();
  }

  #watch({ pid, ...files }: EngineLibraries): void {
    const isByFile = this.#reach === 'by-file';
    const paths = Object.values(files);
    const label = isByFile ? paths.join(' and ') : String(pid);
    const identity = isByFile ? paths.map((path) => fileIdentity(path)).join() : label;
    if (this.#seen.has(identity) || this.#probes.size >= enginesMax) return;
    this.#seen.add(identity);
    const libraries = isByFile || pid === undefined ? files : { pid, ...files };
    try {
      this.#probes.set(label, openEngineProbe(libraries, { isFilteredByProcess: isByFile }));
    } catch (error) {
      this.#faults.push(`engine of ${label} not watched: ${messageOf(error)}`);
    }
  }
}

/** Counts further processes too in the engines' probes that go by process. */
export function addProcesses(
  engines: ReadonlyMap<string, Pick<EngineProbe, 'addProcesses'>>,
  tgids: readonly number[],
): void {
  for (const probe of engines.values()) probe.addProcesses(tgids);
}

interface SeenEngine {
  steps(): EngineSteps | undefined;
  deviceCalls(): DeviceCalls | undefined;
}

/** What engines did, by process or file, a line each. */
export function describeEngines(engines: ReadonlyMap<string, SeenEngine>): readonly string[] {
  const lines: string[] = [];
  for (const [label, probe] of engines) {
    const steps = probe.steps();
    if (steps !== undefined && steps.steps > 0) {
      const ms = (q: number): string => (stepQuantileNs(steps, q) / 1e6).toFixed(1);
      lines.push(
        `engine of ${label}: ${steps.steps} calls of llama_decode, ${(steps.tokens / steps.steps).toFixed(1)} tokens each; ${ms(0.5)} ms at the median, ${ms(0.99)} ms at the 99th percentile`,
      );
    }
    const calls = probe.deviceCalls();
    if (calls !== undefined) {
      lines.push(`CUDA of ${label}: ${describeCalls(calls)}`);
    }
  }
  return lines;
}

function describeCalls(calls: DeviceCalls): string {
  const { launches, graphLaunches, bytesEitherWay } = calls;
  return [
    `${launches} launches`,
    ...(graphLaunches > 0 ? [`${graphLaunches} launches of graphs`] : []),
    `${calls.bytesToDevice} bytes to the device`,
    `${calls.bytesFromDevice} from it`,
    `${calls.bytesWithinDevice} within it`,
    ...(bytesEitherWay > 0 ? [`${bytesEitherWay} either way`] : []),
  ].join(', ');
}
