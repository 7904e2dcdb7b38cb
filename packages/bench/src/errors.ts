import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type BenchErrorCode = 'BENCH_SIDE_FAILED' | 'BENCH_TRACE_INVALID';

/** A measurement that cannot be made. */
export class BenchError extends FaultError {
  override readonly name = 'BenchError';
  declare readonly code: BenchErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: BenchErrorCode }) {
    super(message, options);
  }
}
