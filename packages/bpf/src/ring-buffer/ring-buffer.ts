import { assert } from '@millrace/stdx';
import { BpfError } from '../errors.ts';
import type { BpfMap } from '../maps/bpf-map.ts';
import { describeErrno } from '../sys/errno.ts';
import { openLibc } from '../sys/libc.ts';
import { type Mapping, mapFile } from '../sys/memory.ts';
import { watchReadable } from '../sys/readiness.ts';
import { RingCursor, type RecordVisitor, type RingCounters, type Span } from './ring-cursor.ts';
import { type ResolvedRingOptions, resolveRingOptions, type RingOptions } from './ring-options.ts';
import { RingRest } from './ring-rest.ts';

/** Records in the ring, lent until the next batch is asked for or the loop is left. */
export interface RingBatch {
  readonly count: number;
  forEach(visit: RecordVisitor): void;
}

/** linux/bpf.h, BPF_MAP_TYPE_RINGBUF. */
const ringType = 27;

/**
 * Maps a ring buffer's memory for reading; nothing is copied. A ring has one reader. Throws `BPF_RING_INVALID` for a
 * map of another kind.
 */
export function openRingBuffer(map: BpfMap, options: RingOptions = {}): RingBuffer {
  const resolved = resolveRingOptions(options);
  const { type, entriesMax } = map.state;
  if (type !== ringType) {
    throw invalid(`read map "${map.name}" as a ring: its type is ${type}, not ${ringType}`);
  }
  const libc = openLibc();
  const page = libc.pageBytes;
  const consumer = mapFile(libc, map.fd, { offset: 0, byteLength: page, isWritable: true });
  if (typeof consumer === 'number') {
    throw invalid(`map ring "${map.name}": ${describeErrno(consumer)}`);
  }
  const produced = mapFile(libc, map.fd, {
    offset: page,
    byteLength: page + 2 * entriesMax,
    isWritable: false,
  });
  if (typeof produced === 'number') {
    consumer[Symbol.dispose]();
    throw invalid(`map ring "${map.name}" of ${entriesMax} bytes: ${describeErrno(produced)}`);
  }
  const cursor = new RingCursor({
    consumer: consumer.buffer,
    produced: produced.buffer,
    dataOffset: page,
    byteLength: entriesMax,
  });
  return new RingBuffer({ cursor, mappings: [consumer, produced], map, options: resolved });
}

interface Parts {
  readonly cursor: RingCursor;
  readonly mappings: readonly Mapping[];
  readonly map: BpfMap;
  readonly options: ResolvedRingOptions;
}

/** A ring buffer that is being read. Disposing unmaps it: views of it fail by a TypeError from then on. */
export class RingBuffer implements Disposable {
  readonly #cursor: RingCursor;
  readonly #mappings: readonly Mapping[];
  readonly #map: BpfMap;
  readonly #options: ResolvedRingOptions;
  readonly #closing = new AbortController();
  #isLent = false;

  constructor({ cursor, mappings, map, options }: Parts) {
    this.#cursor = cursor;
    this.#mappings = mappings;
    this.#map = map;
    this.#options = options;
  }

  /** Throws `BPF_CLOSED`. */
  get counters(): RingCounters {
    this.#requireOpen();
    return this.#cursor.counters;
  }

  /** Hands over the records that are there, up to `recordsMax`; how many. A visitor that throws ends the drain. */
  drain(visit: RecordVisitor, recordsMax: number = Number.POSITIVE_INFINITY): number {
    this.#requireOpen();
    assert(!this.#isLent, 'a ring is not drained while a batch of it is lent');
    return this.#cursor.drain(visit, recordsMax);
  }

  /** Batches as they come, until the signal aborts or the ring is disposed. Keeps the process alive meanwhile. */
  async *batches({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<RingBatch> {
    this.#requireOpen();
    const ends =
      signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    using readiness = watchReadable(this.#map.fd);
    using rest = new RingRest({ options: this.#options, readiness, signal: ends });
    const span: Span = {
      offsets: new Int32Array(this.#options.batchRecordsMax),
      lengths: new Int32Array(this.#options.batchRecordsMax),
      count: 0,
      hasMoved: false,
    };
    while (!ends.aborted) {
      this.#cursor.take(span);
      if (span.count > 0) {
        this.#isLent = true;
        try {
          yield this.#lend(span);
        } finally {
          this.#isLent = false;
          if (!this.#closing.signal.aborted) this.#cursor.release();
        }
        if (span.count === span.offsets.length) continue;
      } else if (span.hasMoved) this.#cursor.release();
      if (this.#closing.signal.aborted) return;
      await rest.until({ hasFound: span.hasMoved, hasBusy: this.#cursor.counters.bytesBehind > 0 });
    }
  }

  [Symbol.dispose](): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const mapping of this.#mappings) mapping[Symbol.dispose]();
  }

  #lend(span: Span): RingBatch {
    const { view } = this.#cursor;
    const { offsets, lengths, count } = span;
    return {
      count,
      forEach: (visit) => {
        for (let index = 0; index < count; index += 1) {
          visit(view, offsets[index] ?? 0, lengths[index] ?? 0);
        }
      },
    };
  }

  #requireOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new BpfError(`read ring "${this.#map.name}": it was closed`, { code: 'BPF_CLOSED' });
  }
}

function invalid(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_RING_INVALID' });
}
