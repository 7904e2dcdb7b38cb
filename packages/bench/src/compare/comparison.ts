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
  readonly onProgress: (text: string) => void;
}
