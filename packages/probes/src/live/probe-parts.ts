import type { BpfMap, ProgramState as KernelState } from '@millrace/bpf';
import type { MapHolder } from './watch-filter.ts';

/** How often a probe had something to tell, and what became of it: attempted = delivered + dropped + discarded. */
export interface LossCounts {
  readonly attempted: number;
  readonly delivered: number;
  /** There was no room in the ring. */
  readonly dropped: number;
  /** It was not worth telling. */
  readonly discarded: number;
}

/** What a program has cost while the kernel counted runs. */
export interface ProgramCost {
  /** With the probe's name before it. */
  readonly name: string;
  readonly runs: number;
  readonly runNs: number;
}

/** A program of a probe: attached, or why it is not. */
export interface ProgramState {
  readonly name: string;
  readonly isAttached: boolean;
  readonly reason: string;
}

/** What a probe stands on: an object that this process has loaded, or what it was handed. Disposing detaches it. */
export interface ProbeParts extends MapHolder, Disposable {
  readonly programs: readonly ProgramState[];
  /** Runs of the attached programs and their time; zero unless the kernel counts them. */
  costs(): readonly ProgramCost[];
}

/** The account that a probe keeps in its map `losses`, all processors together. */
export function sumLosses(map: BpfMap): LossCounts {
  const sums = [0, 0, 0, 0];
  for (const value of map.lookupPerCpu(0) ?? []) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (const [at] of sums.entries()) {
      sums[at] = (sums[at] ?? 0) + Number(view.getBigUint64(at * 8, true));
    }
  }
  const [attempted = 0, delivered = 0, dropped = 0, discarded = 0] = sums;
  return { attempted, delivered, dropped, discarded };
}

/** The costs of those programs of a probe that are attached. */
export function costsOf(
  probe: { readonly name: string; readonly programs: readonly ProgramState[] },
  stateOf: (program: string) => KernelState,
): readonly ProgramCost[] {
  return probe.programs
    .filter(({ isAttached }) => isAttached)
    .map(({ name }) => {
      const { runs, runNs } = stateOf(name);
      return { name: `${probe.name}/${name}`, runs: Number(runs), runNs: Number(runNs) };
    });
}
