import type { HandedParts, HandedProbe, LossCounts, ProgramState } from '@millrace/probes';
import type { Watched } from './watch-choice.ts';

/** A probe of a live trace, and how it stands. */
export interface ProbeStatus {
  readonly name: string;
  readonly programs: readonly ProgramState[];
  readonly losses: LossCounts;
}

/** What the part of a trace with privileges leaves to the one without: plain data, and descriptors by number. */
export interface HandedTrace {
  readonly watched: Watched;
  readonly probes: readonly HandedProbe[];
  /** By process, or by the file of a library. */
  readonly engines: Readonly<Record<string, HandedParts>>;
  /** Probes that could not be attached. */
  readonly missing: readonly ProbeStatus[];
  /** Libraries and programs that are followed in whatever process uses them. */
  readonly files: readonly string[];
  /** The kernel's count of runs, where it could be had. */
  readonly counting?: number;
}
