import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type BpfErrorCode =
  | 'BPF_ATTACH_FAILED'
  | 'BPF_BTF_INVALID'
  | 'BPF_CAPABILITY_MISSING'
  | 'BPF_CLOSED'
  | 'BPF_CONSTANT_INVALID'
  | 'BPF_ELF_INVALID'
  | 'BPF_ITERATOR_FAILED'
  | 'BPF_KERNEL_UNSUPPORTED'
  | 'BPF_LIBRARY_MISSING'
  | 'BPF_LIBRARY_UNSUPPORTED'
  | 'BPF_LOAD_FAILED'
  | 'BPF_LOADER_FAILED'
  | 'BPF_MAP_FAILED'
  | 'BPF_MAP_UNKNOWN'
  | 'BPF_OBJECT_INVALID'
  | 'BPF_OPTION_INVALID'
  | 'BPF_PIN_FAILED'
  | 'BPF_PRIVILEGE_FAILED'
  | 'BPF_PROGRAM_NOT_LOADED'
  | 'BPF_PROGRAM_UNKNOWN'
  | 'BPF_RING_INVALID'
  | 'BPF_SIGNATURE_INVALID'
  | 'BPF_SIGNATURE_MISSING'
  | 'BPF_VERIFIER_REJECTED';

/** Options of a fault of this package. */
export interface BpfErrorOptions extends FaultOptions {
  readonly code: BpfErrorCode;
  /** All that the verifier wrote, where it was the verifier that refused. */
  readonly verifierLog?: string;
}

/** A fault of an object file, of its signature, of what it was given, or of the kernel that was asked. */
export class BpfError extends FaultError {
  override readonly name = 'BpfError';
  declare readonly code: BpfErrorCode;
  readonly verifierLog: string | undefined;

  constructor(message: string, options: BpfErrorOptions) {
    super(message, options);
    this.verifierLog = options.verifierLog;
  }
}
