import type { Provenance } from '../signing/signature.ts';

/** What became of one program. */
export interface ProgramReport {
  readonly name: string;
  readonly section: string;
  readonly outcome: 'loaded' | 'skipped' | 'failed';
  /** Why it was skipped or failed; empty where it was loaded. */
  readonly reason: string;
  /** Code of the fault, where it failed. */
  readonly code?: string;
  /** The capability or kernel feature that it lacks, where that is known. */
  readonly needs?: string;
  /** The last lines of the verifier's log that say something; empty where it did not refuse. */
  readonly verifierLines: readonly string[];
  /** All that the verifier wrote. */
  readonly verifierLog: string;
}

/** What became of an object: who vouched for its bytes, and each of its programs. */
export interface LoadReport {
  readonly provenance: Provenance;
  readonly libbpfVersion: string;
  readonly kernelRelease: string;
  readonly programs: readonly ProgramReport[];
  /** What libbpf warned of. */
  readonly libraryLines: readonly string[];
}

const linesShownMax = 8;
const summaryForm = /^(processed \d+ insns|verification time|stack depth|insns|mark_read|\s*$)/;

/** The last lines of a verifier's log, without its statistics. */
export function lastVerifierLines(log: string): readonly string[] {
  return log
    .split('\n')
    .filter((line) => !summaryForm.test(line))
    .slice(-linesShownMax);
}
