import {
  type DeviceCalls,
  type EngineProbe,
  type EngineSteps,
  type HandedParts,
  handOverEngine,
  openEngineProbe,
  type ProbeObject,
  stepQuantileNs,
} from '@millrace/probes';
import { messageOf } from '@millrace/stdx';
import { findEngineLibraries } from './engine-libraries.ts';

const enginesMax = 64;

/** Probes inside the engines among the watched processes. Disposing detaches them. */
export class EngineWatch implements Disposable {
  readonly #probes = new Map<string, EngineProbe<ProbeObject>>();
  readonly #looked = new Set<number>();
  readonly #faults: string[] = [];

  /** Watches those of the processes that have an engine's library; each is looked at once. */
  add(tgids: readonly number[]): void {
    for (const tgid of tgids) {
      if (this.#looked.has(tgid) || this.#probes.size >= enginesMax) continue;
      this.#looked.add(tgid);
      const libraries = findEngineLibraries(tgid);
      if (libraries === undefined) continue;
      try {
        this.#probes.set(String(tgid), openEngineProbe(libraries));
      } catch (error) {
        this.#faults.push(`engine of ${tgid} not watched: ${messageOf(error)}`);
      }
    }
  }

  /** What the engines did, a line each. */
  describe(): readonly string[] {
    return [...this.#faults, ...describeEngines(this.#probes)];
  }

  /** Leaves the probes, by process, to what this process executes next. */
  handOver(): Readonly<Record<string, HandedParts>> {
    return Object.fromEntries(
      Array.from(this.#probes, ([tgid, probe]) => [tgid, handOverEngine(probe)]),
    );
  }

  [Symbol.dispose](): void {
    for (const probe of this.#probes.values()) probe[Symbol.dispose]();
    this.#probes.clear();
  }
}

interface SeenEngine {
  steps(): EngineSteps | undefined;
  deviceCalls(): DeviceCalls | undefined;
}

/** What engines did, by process, a line each. */
export function describeEngines(engines: ReadonlyMap<string, SeenEngine>): readonly string[] {
  const lines: string[] = [];
  for (const [tgid, probe] of engines) {
    const steps = probe.steps();
    if (steps !== undefined && steps.steps > 0) {
      const ms = (q: number): string => (stepQuantileNs(steps, q) / 1e6).toFixed(1);
      lines.push(
        `engine of ${tgid}: ${steps.steps} calls of llama_decode, ${(steps.tokens / steps.steps).toFixed(1)} tokens each; ${ms(0.5)} ms at the median, ${ms(0.99)} ms at the 99th percentile`,
      );
    }
    const calls = probe.deviceCalls();
    if (calls !== undefined) {
      lines.push(
        `CUDA of ${tgid}: ${calls.launches} launches, ${calls.bytesToDevice} bytes to the device, ${calls.bytesFromDevice} from it`,
      );
    }
  }
  return lines;
}
