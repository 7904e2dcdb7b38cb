import { chmodSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import { describeErrno, errno } from '../sys/errno.ts';
import type { Libbpf } from '../sys/libbpf.ts';
import { type MapState, readMapState } from './map-state.ts';

/** A key: its bytes, or a number for keys of 4 bytes and a bigint for keys of 8, little-endian. */
export type MapKey = Uint8Array | number | bigint;

/** Entries that were read together: keys and values end to end. */
export interface MapBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  /** Each of `valueStride` bytes. */
  readonly values: Uint8Array;
  readonly valueStride: number;
}

/** Whether an update may make an entry, change one, or either (linux/bpf.h, BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
export type UpdateKind = 'any' | 'create' | 'replace';

interface Parts {
  readonly libbpf: Libbpf;
  readonly name: string;
  readonly fd: number;
  readonly isOpen: () => boolean;
}

/** linux/bpf.h, enum bpf_map_type: those with a value for each processor. */
const perCpuTypes = new Set([5, 6, 10, 21]);
const updateFlags: Readonly<Record<UpdateKind, bigint>> = { any: 0n, create: 1n, replace: 2n };
const batchEntriesDefault = 1_024;

/** A map in the kernel. It belongs to the object or the pin that it was taken from, and is closed with it. */
export class BpfMap {
  readonly name: string;
  readonly state: MapState;
  readonly isPerCpu: boolean;
  /** Processors that may ever be there; a per-CPU map has a value for each. */
  readonly cpuCount: number;
  /** Bytes of what a lookup returns: a value, or one for each processor, each rounded up to 8 bytes. */
  readonly valueStride: number;
  readonly #libbpf: Libbpf;
  readonly #fd: number;
  readonly #isOpen: () => boolean;

  constructor({ libbpf, name, fd, isOpen }: Parts) {
    this.#libbpf = libbpf;
    this.#fd = fd;
    this.#isOpen = isOpen;
    this.name = name;
    this.state = readMapState(libbpf, fd);
    this.isPerCpu = perCpuTypes.has(this.state.type);
    this.cpuCount = this.isPerCpu ? libbpf.number('libbpf_num_possible_cpus') : 1;
    this.valueStride = this.isPerCpu
      ? roundUpTo8(this.state.valueBytes) * this.cpuCount
      : this.state.valueBytes;
  }

  /** Throws `BPF_CLOSED`. */
  get fd(): number {
    if (this.#isOpen()) return this.#fd;
    throw new BpfError(`use map "${this.name}": it was closed`, { code: 'BPF_CLOSED' });
  }

  /** The value of a key, of `valueStride` bytes; undefined where there is no entry. */
  lookup(key: MapKey): Uint8Array | undefined {
    const value = new Uint8Array(this.valueStride);
    return this.lookupInto(key, value) ? value : undefined;
  }

  /** The same without allocating; false where there is no entry. */
  lookupInto(key: MapKey, value: Uint8Array): boolean {
    this.#checkValue(value);
    const status = this.#libbpf.number('bpf_map_lookup_elem', this.fd, this.#keyOf(key), value);
    if (status === -errno.noEntry) return false;
    this.#check('look up in', status);
    return true;
  }

  /** The values that the processors have for a key, by number of the processor; views of one buffer. */
  lookupPerCpu(key: MapKey): readonly Uint8Array[] | undefined {
    const all = this.lookup(key);
    if (all === undefined) return undefined;
    const stride = this.valueStride / this.cpuCount;
    return Array.from({ length: this.cpuCount }, (_, cpu) =>
      all.subarray(cpu * stride, cpu * stride + this.state.valueBytes),
    );
  }

  /** Sets the value of a key; false where `create` met an entry, or `replace` none. Throws `BPF_MAP_FAILED`. */
  update(key: MapKey, value: Uint8Array, kind: UpdateKind = 'any'): boolean {
    this.#checkValue(value);
    const status = this.#libbpf.number(
      'bpf_map_update_elem',
      this.fd,
      this.#keyOf(key),
      value,
      updateFlags[kind],
    );
    if (kind === 'create' && status === -errno.exists) return false;
    if (kind === 'replace' && status === -errno.noEntry) return false;
    this.#check('update', status);
    return true;
  }

  /** Removes an entry; false where there was none. */
  delete(key: MapKey): boolean {
    const status = this.#libbpf.number('bpf_map_delete_elem', this.fd, this.#keyOf(key));
    if (status === -errno.noEntry) return false;
    this.#check('delete from', status);
    return true;
  }

  /** The keys, one call each. What others change meanwhile may be seen, missed, or in a hash seen twice. */
  *keys(): Generator<Uint8Array> {
    let previous: Uint8Array | null = null;
    for (;;) {
      const next = new Uint8Array(this.state.keyBytes);
      const status = this.#libbpf.number('bpf_map_get_next_key', this.fd, previous, next);
      if (status === -errno.noEntry) return;
      this.#check('iterate over', status);
      yield next;
      previous = next;
    }
  }

  /** Keys with their values; an entry that goes meanwhile is left out. */
  *entries(): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    for (const key of this.keys()) {
      const value = this.lookup(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** All entries, many a call. Throws an error with `BPF_MAP_FAILED` where the kernel has no batches for this kind of map. */
  *batches(entriesMax: number = batchEntriesDefault): Generator<MapBatch> {
    yield* this.#batches('bpf_map_lookup_batch', entriesMax);
  }

  /** The same, and removes them from a hash as they are read. */
  *takeBatches(entriesMax: number = batchEntriesDefault): Generator<MapBatch> {
    yield* this.#batches('bpf_map_lookup_and_delete_batch', entriesMax);
  }

  *#batches(
    call: 'bpf_map_lookup_batch' | 'bpf_map_lookup_and_delete_batch',
    entriesMax: number,
  ): Generator<MapBatch> {
    const { keyBytes } = this.state;
    // A position is a key, or for hashes a number of 4 bytes.
    const [from, to] = [
      new Uint8Array(Math.max(4, keyBytes)),
      new Uint8Array(Math.max(4, keyBytes)),
    ];
    const keys = new Uint8Array(entriesMax * keyBytes);
    const values = new Uint8Array(entriesMax * this.valueStride);
    const count = new Uint32Array(1);
    for (let isFirst = true; ; isFirst = false) {
      count[0] = entriesMax;
      const position = isFirst ? null : from;
      const status = this.#libbpf.number(call, this.fd, position, to, keys, values, count, null);
      if (status !== -errno.noEntry) this.#check('read batches of', status);
      const found = count[0];
      if (found > 0) {
        yield {
          count: found,
          keys: keys.slice(0, found * keyBytes),
          values: values.slice(0, found * this.valueStride),
          valueStride: this.valueStride,
        };
      }
      if (status < 0) return;
      from.set(to);
    }
  }

  /** Keeps the map under a path in bpffs after this process; only its owner may open it. Throws `BPF_PIN_FAILED`. */
  pin(path: string): void {
    const status = this.#libbpf.number('bpf_obj_pin', this.fd, path);
    if (status < 0) {
      throw new BpfError(`pin map "${this.name}" at ${path}: ${describeErrno(status)}`, {
        code: 'BPF_PIN_FAILED',
      });
    }
    chmodSync(path, 0o600);
  }

  #keyOf(key: MapKey): Uint8Array {
    const { keyBytes } = this.state;
    if (typeof key === 'object') {
      if (key.byteLength === keyBytes) return key;
    } else if (typeof key === 'number' && keyBytes === 4) {
      return new Uint8Array(Uint32Array.of(key).buffer);
    } else if (typeof key === 'bigint' && keyBytes === 8) {
      return new Uint8Array(BigUint64Array.of(key).buffer);
    }
    const given = typeof key === 'object' ? `${key.byteLength} bytes` : `a ${typeof key}`;
    throw new BpfError(`use map "${this.name}": its keys have ${keyBytes} bytes, not ${given}`, {
      code: 'BPF_MAP_FAILED',
    });
  }

  #checkValue(value: Uint8Array): void {
    if (value.byteLength === this.valueStride) return;
    throw new BpfError(
      `use map "${this.name}": its values have ${this.valueStride} bytes, not ${value.byteLength}`,
      { code: 'BPF_MAP_FAILED' },
    );
  }

  #check(what: string, status: number): void {
    if (status >= 0) return;
    throw new BpfError(`${what} map "${this.name}": ${describeErrno(status)}`, {
      code: 'BPF_MAP_FAILED',
    });
  }
}

function roundUpTo8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
