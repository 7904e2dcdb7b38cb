import { release } from 'node:os';
import { BpfError } from '../errors.ts';
import { uprobeMultiType } from '../links/attach-uprobe-multi.ts';
import type { ObjectSpec } from '../spec/object-spec.ts';
import { describeErrno, errno } from '../sys/errno.ts';
import { withoutProfilerSignal } from '../sys/held-signals.ts';
import { withLibraryLog } from '../sys/library-log.ts';
import type { Libbpf, Pointer } from '../sys/libbpf.ts';
import { allocate, allocateText, bytesAt, type NativeBlock } from '../sys/memory.ts';
import type { LoadOptions } from './load-options.ts';
import { writeConstants } from './write-constants.ts';

/** What one attempt needs. */
export interface AttemptInput {
  readonly libbpf: Libbpf;
  readonly spec: ObjectSpec;
  readonly options: LoadOptions;
  /** Names of the programs to load. */
  readonly wanted: ReadonlySet<string>;
  readonly logBytes: number;
  /** Whether user-space probes are loaded for links. */
  readonly isMulti: boolean;
}

/** An object in the kernel, or why it is not there. */
export type Attempt =
  | { readonly kind: 'loaded'; readonly object: Pointer; readonly lines: readonly string[] }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly lines: readonly string[];
      /** What the verifier wrote, by program; only of those that it looked at and refused. */
      readonly logs: ReadonlyMap<string, string>;
    };

/** Offsets in struct bpf_object_open_opts of libbpf 1.1. */
const openOptions = { byteLength: 80, name: 8 } as const;

/** Asks the kernel once for the wanted programs and the maps that they use. */
export function attemptLoad(input: AttemptInput): Attempt {
  const { libbpf } = input;
  const { result, lines } = withLibraryLog(libbpf, () => openAndLoad(input));
  return { ...result, lines };
}

type Outcome =
  | { readonly kind: 'loaded'; readonly object: Pointer }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly logs: ReadonlyMap<string, string>;
    };

function openAndLoad(input: AttemptInput): Outcome {
  const { libbpf, spec, wanted } = input;
  const object = openBytes(libbpf, spec.bytes, input.options.name);
  let isLoaded = false;
  const logs = new Map<string, NativeBlock>();
  try {
    prepareMaps(object, input);
    for (const { name, kind } of spec.programs) {
      const program = findProgram(libbpf, object, name);
      if (input.isMulti && (kind === 'uprobe' || kind === 'uretprobe')) {
        libbpf.number('bpf_program__set_expected_attach_type', program, uprobeMultiType);
      }
      libbpf.number('bpf_program__set_autoload', program, wanted.has(name));
      if (!wanted.has(name)) continue;
      const log = allocate(input.logBytes);
      logs.set(name, log);
      libbpf.number('bpf_program__set_log_buf', program, log.address, log.bytes.byteLength);
    }
    const status = withoutProfilerSignal(() => libbpf.number('bpf_object__load', object));
    isLoaded = status >= 0;
    if (isLoaded) return { kind: 'loaded', object };
    const written = [...logs].map(([name, log]) => [name, textOf(log.bytes)] as const);
    return { kind: 'refused', status, logs: new Map(written.filter(([, text]) => text !== '')) };
  } finally {
    // libbpf keeps the addresses of the logs, and writes there only while it loads.
    if (!isLoaded) libbpf.number('bpf_object__close', object);
    for (const log of logs.values()) log[Symbol.dispose]();
  }
}

function openBytes(libbpf: Libbpf, bytes: Uint8Array, name: string | undefined): Pointer {
  using image = allocate(bytes.byteLength);
  image.bytes.set(bytes);
  using options = allocate(openOptions.byteLength);
  using text = allocateText(name ?? 'millrace');
  const view = new DataView(options.bytes.buffer);
  view.setBigUint64(0, BigInt(openOptions.byteLength), true);
  view.setBigUint64(openOptions.name, text.address, true);
  // libbpf copies what it keeps of the file, and takes it apart whole before it returns.
  const object = libbpf.pointer(
    'bpf_object__open_mem',
    image.address,
    bytes.byteLength,
    options.address,
  );
  if (typeof object === 'bigint') return object;
  throw new BpfError(`open eBPF object: libbpf refused it: ${describeErrno(object)}`, {
    code: 'BPF_OBJECT_INVALID',
  });
}

function prepareMaps(object: Pointer, { libbpf, spec, options, wanted }: AttemptInput): void {
  const used = new Set(spec.programs.flatMap(({ name, maps }) => (wanted.has(name) ? maps : [])));
  for (const name of options.maps ?? []) used.add(name);
  for (const { name } of spec.maps) {
    const map = findMap(libbpf, object, name);
    libbpf.number('bpf_map__set_autocreate', map, used.has(name));
  }
  for (const [name, entriesMax] of Object.entries(options.mapEntriesMax ?? {})) {
    const status = libbpf.number(
      'bpf_map__set_max_entries',
      findMap(libbpf, object, name),
      entriesMax,
    );
    if (status >= 0) continue;
    throw new BpfError(`size map "${name}" to ${entriesMax}: ${describeErrno(status)}`, {
      code: 'BPF_MAP_FAILED',
    });
  }
  setConstants(object, { libbpf, spec, options });
}

function setConstants(
  object: Pointer,
  { libbpf, spec, options }: Pick<AttemptInput, 'libbpf' | 'spec' | 'options'>,
): void {
  const constants = options.constants ?? {};
  if (Object.keys(constants).length === 0) return;
  if (spec.constants.length === 0) {
    writeConstants(spec, constants, new Uint8Array(0));
    return;
  }
  const map = findMap(libbpf, object, '.rodata');
  const byteLength = new BigUint64Array(1);
  const address = libbpf.pointer('bpf_map__initial_value', map, byteLength);
  if (typeof address === 'number') {
    throw new BpfError(
      `set constants: libbpf gives no access to .rodata: ${describeErrno(address)}`,
      {
        code: 'BPF_CONSTANT_INVALID',
      },
    );
  }
  writeConstants(spec, constants, bytesAt(address, Number(byteLength[0] ?? 0n)));
}

/** The handle of a program of an opened object. */
export function findProgram(libbpf: Libbpf, object: Pointer, name: string): Pointer {
  const program = libbpf.pointer('bpf_object__find_program_by_name', object, name);
  if (typeof program === 'bigint') return program;
  throw new BpfError(`find program "${name}": libbpf sees none of that name in the object`, {
    code: 'BPF_PROGRAM_UNKNOWN',
  });
}

/** The handle of a map of an opened object. */
export function findMap(libbpf: Libbpf, object: Pointer, name: string): Pointer {
  const map = libbpf.pointer('bpf_object__find_map_by_name', object, name);
  if (typeof map === 'bigint') return map;
  throw new BpfError(`find map "${name}": the object has none of that name`, {
    code: 'BPF_MAP_UNKNOWN',
  });
}

/** Whether the kernel or libbpf refused because a log did not fit. */
export function isLogCut(attempt: Attempt & { readonly kind: 'refused' }): boolean {
  return attempt.status === -errno.noSpace && attempt.logs.size > 0;
}

/** The kernel's release, as in `uname -r`. */
export function kernelRelease(): string {
  return release();
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end === -1 ? bytes.byteLength : end)).toString('utf8');
}
