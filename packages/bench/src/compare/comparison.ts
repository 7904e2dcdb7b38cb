import type { Figure, Goal } from '../report/report.ts';

/** What a comparison found. */
export interface Comparison {
  readonly figures: readonly Figure[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
}

/** What every comparison needs. */
export interface BenchContext {
  /** A GGUF file. */
  readonly model: string;
  readonly threads: number;
  readonly rounds: number;
  /** A folder of recorded traffic. */
  readonly traces?: string | undefined;
  /** A few requests only: shows that everything runs, its figures mean nothing. */
  readonly isQuick: boolean;
  /** Peers of several GB may be installed where they are missing. */
  readonly mayInstall: boolean;
  /** Goes on from the figures that earlier runs have written, instead of beginning anew. */
  readonly goesOn: boolean;
  /** Figures found so far, which rounds are added to. */
  readonly earlier: readonly Figure[];
  /** Told what a comparison has found so far, whenever a side is through: kept, should the run be cut. */
  readonly onFigures: (figures: readonly Figure[]) => void;
  readonly onProgress: (text: string) => void;
}
