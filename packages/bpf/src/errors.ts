import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type BpfErrorCode =
  | 'BPF_BTF_INVALID'
  | 'BPF_ELF_INVALID'
  | 'BPF_LIBRARY_MISSING'
  | 'BPF_OBJECT_INVALID'
  | 'BPF_SIGNATURE_INVALID'
  | 'BPF_SIGNATURE_MISSING';

/** A fault of an object file, of its signature, or of what it was given. */
export class BpfError extends FaultError {
  override readonly name = 'BpfError';
  declare readonly code: BpfErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: BpfErrorCode }) {
    super(message, options);
  }
}
