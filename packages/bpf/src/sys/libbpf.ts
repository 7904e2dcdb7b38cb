import { assertDefined, UnsupportedError } from '@millrace/stdx';
import koffi, { type LibraryHandle } from 'koffi';
import { BpfError } from '../errors.ts';

/** An address in native memory. */
export type Pointer = bigint;

type Signature = readonly [result: string, ...args: string[]];

/** What is called of libbpf 1.1 (bpf/libbpf.h, bpf/bpf.h); options go as `void *` to bytes laid out by us. */
const signatures: Readonly<Record<string, Signature>> = {
  libbpf_num_possible_cpus: ['int'],
  libbpf_set_print: ['void *', 'void *'],
  libbpf_probe_bpf_prog_type: ['int', 'int', 'void *'],
  libbpf_probe_bpf_map_type: ['int', 'int', 'void *'],
  libbpf_probe_bpf_helper: ['int', 'int', 'int', 'void *'],
  bpf_object__open_mem: ['void *', 'void *', 'size_t', 'void *'],
  bpf_object__load: ['int', 'void *'],
  bpf_object__close: ['void', 'void *'],
  bpf_object__find_program_by_name: ['void *', 'void *', 'const char *'],
  bpf_object__find_map_by_name: ['void *', 'void *', 'const char *'],
  bpf_program__set_autoload: ['int', 'void *', 'bool'],
  bpf_program__set_log_buf: ['int', 'void *', 'void *', 'size_t'],
  bpf_program__set_expected_attach_type: ['int', 'void *', 'int'],
  bpf_program__fd: ['int', 'void *'],
  bpf_program__attach_raw_tracepoint: ['void *', 'void *', 'const char *'],
  bpf_program__attach_trace_opts: ['void *', 'void *', 'void *'],
  bpf_program__attach_tracepoint_opts: [
    'void *',
    'void *',
    'const char *',
    'const char *',
    'void *',
  ],
  bpf_program__attach_uprobe_opts: ['void *', 'void *', 'int', 'const char *', 'size_t', 'void *'],
  bpf_program__attach_perf_event_opts: ['void *', 'void *', 'int', 'void *'],
  bpf_program__attach_cgroup: ['void *', 'void *', 'int'],
  bpf_program__attach_iter: ['void *', 'void *', 'void *'],
  bpf_link__fd: ['int', 'void *'],
  bpf_link__pin: ['int', 'void *', 'const char *'],
  bpf_link__unpin: ['int', 'void *'],
  bpf_link__open: ['void *', 'const char *'],
  bpf_link__disconnect: ['void', 'void *'],
  bpf_link__destroy: ['int', 'void *'],
  bpf_link_create: ['int', 'int', 'int', 'int', 'void *'],
  bpf_iter_create: ['int', 'int'],
  bpf_tc_hook_create: ['int', 'void *'],
  bpf_tc_hook_destroy: ['int', 'void *'],
  bpf_tc_attach: ['int', 'void *', 'void *'],
  bpf_tc_detach: ['int', 'void *', 'void *'],
  bpf_map__fd: ['int', 'void *'],
  bpf_map__set_max_entries: ['int', 'void *', 'uint32_t'],
  bpf_map__set_autocreate: ['int', 'void *', 'bool'],
  bpf_map__initial_value: ['void *', 'void *', 'void *'],
  bpf_prog_load: ['int', 'int', 'const char *', 'const char *', 'void *', 'size_t', 'void *'],
  bpf_raw_tracepoint_open: ['int', 'const char *', 'int'],
  bpf_map_create: ['int', 'int', 'const char *', 'uint32_t', 'uint32_t', 'uint32_t', 'void *'],
  bpf_map_lookup_elem: ['int', 'int', 'void *', 'void *'],
  bpf_map_update_elem: ['int', 'int', 'void *', 'void *', 'uint64_t'],
  bpf_map_delete_elem: ['int', 'int', 'void *'],
  bpf_map_get_next_key: ['int', 'int', 'void *', 'void *'],
  bpf_map_lookup_batch: ['int', 'int', 'void *', 'void *', 'void *', 'void *', 'void *', 'void *'],
  bpf_map_lookup_and_delete_batch: [
    'int',
    'int',
    'void *',
    'void *',
    'void *',
    'void *',
    'void *',
    'void *',
  ],
  bpf_obj_get: ['int', 'const char *'],
  bpf_obj_pin: ['int', 'int', 'const char *'],
  bpf_obj_get_info_by_fd: ['int', 'int', 'void *', 'void *'],
  bpf_prog_get_next_id: ['int', 'uint32_t', 'void *'],
  bpf_map_get_next_id: ['int', 'uint32_t', 'void *'],
  bpf_link_get_next_id: ['int', 'uint32_t', 'void *'],
  bpf_prog_get_fd_by_id: ['int', 'uint32_t'],
  bpf_map_get_fd_by_id: ['int', 'uint32_t'],
  bpf_link_get_fd_by_id: ['int', 'uint32_t'],
  bpf_prog_test_run_opts: ['int', 'int', 'void *'],
  bpf_enable_stats: ['int', 'int'],
};

/** libbpf, opened and of a version that we know. Its numbers are 0 or above, or a negative errno. */
export interface Libbpf {
  readonly version: string;
  number(name: string, ...args: readonly unknown[]): number;
  /** The pointer, or the negative errno where libbpf returned none. */
  pointer(name: string, ...args: readonly unknown[]): Pointer | number;
}

const fileName = 'libbpf.so.1';

/** Opens the system's libbpf and silences its log. Throws `BPF_LIBRARY_MISSING` or an `UnsupportedError`. */
export function openLibbpf(): Libbpf {
  const library = openFile();
  const version = checkVersion(library);
  const bound = new Map<string, (...args: readonly unknown[]) => unknown>();
  const find = (name: string): ((...args: readonly unknown[]) => unknown) => {
    const known = bound.get(name);
    if (known !== undefined) return known;
    const [result, ...args] = assertDefined(
      signatures[name],
      `libbpf function ${name} is declared`,
    );
    const call = library.func(name, result, args);
    bound.set(name, call);
    return call;
  };
  const libbpf: Libbpf = {
    version,
    number: (name, ...args) => find(name)(...args) as number,
    pointer: (name, ...args) => {
      const address = find(name)(...args) as Pointer | null;
      return address ?? -koffi.errno();
    },
  };
  find('libbpf_set_print')(null);
  return libbpf;
}

function checkVersion(library: LibraryHandle): string {
  const major = library.func('uint32_t libbpf_major_version()') as () => number;
  const minor = library.func('uint32_t libbpf_minor_version()') as () => number;
  const version = `${major()}.${minor()}`;
  if (major() === 1 && minor() >= 1) return version;
  throw new UnsupportedError(`open libbpf: its version is ${version}`, {
    code: 'BPF_LIBRARY_UNSUPPORTED',
    needs: 'libbpf 1.x, at least 1.1',
  });
}

function openFile(): LibraryHandle {
  try {
    return koffi.load(fileName);
  } catch (cause) {
    throw new BpfError(`open ${fileName}: it is not installed (Debian: package libbpf1)`, {
      code: 'BPF_LIBRARY_MISSING',
      cause,
    });
  }
}
