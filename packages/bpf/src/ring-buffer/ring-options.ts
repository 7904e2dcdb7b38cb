import { type Clock, systemClock } from '@millrace/stdx';
import { BpfError } from '../errors.ts';

/** How a ring is waited for. */
export interface RingOptions {
  /**
   * `epoll`: sleeps until the kernel tells of a record, then looks again after each rest; for programs that notify.
   * `timer`: looks at intervals that adapt to what was found; the program may spare notifying.
   */
  readonly wait?: 'epoll' | 'timer';
  /** Rest after a batch, so that records gather; the shortest interval of the timer. 1 ms where it is absent. */
  readonly restMsMin?: number;
  /** The longest interval of the timer. 50 ms where it is absent. */
  readonly restMsMax?: number;
  /** Records of a batch, 4,096 where it is absent. */
  readonly batchRecordsMax?: number;
  readonly clock?: Clock;
}

export type ResolvedRingOptions = Required<RingOptions>;

const defaults: ResolvedRingOptions = {
  wait: 'epoll',
  restMsMin: 1,
  restMsMax: 50,
  batchRecordsMax: 4_096,
  clock: systemClock,
};
const restMsLimit = 60_000;
const batchRecordsLimit = 1_048_576;

/** Fills in defaults. Throws `BPF_OPTION_INVALID`. */
export function resolveRingOptions(options: RingOptions): ResolvedRingOptions {
  const resolved = { ...defaults, ...options };
  const { restMsMin, restMsMax, batchRecordsMax } = resolved;
  if (!(restMsMin >= 0 && restMsMin <= restMsMax && restMsMax <= restMsLimit)) {
    throw invalid(
      `rest between ${restMsMin} and ${restMsMax} ms: allowed are 0 to ${restMsLimit}, the shorter first`,
    );
  }
  if (
    !Number.isInteger(batchRecordsMax) ||
    batchRecordsMax < 1 ||
    batchRecordsMax > batchRecordsLimit
  ) {
    throw invalid(`take ${batchRecordsMax} records a batch: allowed are 1 to ${batchRecordsLimit}`);
  }
  return Object.freeze(resolved);
}

function invalid(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_OPTION_INVALID' });
}
