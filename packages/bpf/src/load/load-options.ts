import { BpfError } from '../errors.ts';
import type { ConstantValue } from './write-constants.ts';

/** How an object is loaded. */
export interface LoadOptions {
  /** Names of the programs to load, with the maps that they use; all of them where it is absent. */
  readonly only?: readonly string[];
  /** Names of maps to create although no chosen program uses them. */
  readonly maps?: readonly string[];
  /** Values of global constants, by name. */
  readonly constants?: Readonly<Record<string, ConstantValue>>;
  /** Entries that maps can hold, by name, instead of what the object says; for ring buffers bytes. */
  readonly mapEntriesMax?: Readonly<Record<string, number>>;
  /** What the kernel's lists show the object's `.rodata` and the like under; up to 15 characters. */
  readonly name?: string;
  /**
   * How user-space probes will be attached: by `perf`, which needs CAP_SYS_ADMIN, or by a link of Linux 6.6, which needs
   * CAP_PERFMON only. Where it is absent, by perf if this thread can.
   */
  readonly uprobesBy?: 'perf' | 'link';
  /** The longest log of the verifier that is kept whole, per program; 16 MiB where it is absent. */
  readonly verifierLogBytesMax?: number;
}

export const verifierLogBytes = {
  first: 65_536,
  maxDefault: 16_777_216,
  maxMax: 134_217_728,
} as const;
const entriesMaxMax = 0xffff_ffff;

/** Checks what the types do not. Throws `BPF_OPTION_INVALID`. */
export function checkLoadOptions(options: LoadOptions): void {
  for (const [name, entriesMax] of Object.entries(options.mapEntriesMax ?? {})) {
    if (Number.isInteger(entriesMax) && entriesMax >= 1 && entriesMax <= entriesMaxMax) continue;
    throw invalid(`size map "${name}" to ${entriesMax}: allowed are 1 to ${entriesMaxMax}`);
  }
  const logBytesMax = options.verifierLogBytesMax ?? verifierLogBytes.maxDefault;
  const { first, maxMax } = verifierLogBytes;
  if (!Number.isInteger(logBytesMax) || logBytesMax < first || logBytesMax > maxMax) {
    throw invalid(
      `keep ${logBytesMax} bytes of a verifier's log: allowed are ${first} to ${maxMax}`,
    );
  }
  if (options.name !== undefined && !/^[\w.]{1,15}$/.test(options.name)) {
    throw invalid(`name an object "${options.name}": allowed are 1 to 15 of [A-Za-z0-9_.]`);
  }
}

function invalid(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_OPTION_INVALID' });
}
