import koffi, { type LibraryHandle } from 'koffi';
import { UnsupportedError } from '@millrace/stdx';
import { BpfError } from '../errors.ts';

/** libbpf, opened and of a version that we know. */
export interface Libbpf {
  readonly version: string;
  /** 1 for yes, 0 for no, a negative errno where it could not be found out. */
  probeProgramType(type: number): number;
  probeMapType(type: number): number;
}

const fileName = 'libbpf.so.1';

/** Opens the system's libbpf and silences its log. Throws `BPF_LIBRARY_MISSING` or an `UnsupportedError`. */
export function openLibbpf(): Libbpf {
  const library = openFile();
  const major = library.func('uint32_t libbpf_major_version()') as () => number;
  const minor = library.func('uint32_t libbpf_minor_version()') as () => number;
  const version = `${major()}.${minor()}`;
  if (major() !== 1 || minor() < 1) {
    throw new UnsupportedError(`open libbpf: its version is ${version}`, {
      code: 'BPF_LIBRARY_UNSUPPORTED',
      needs: 'libbpf 1.x, at least 1.1',
    });
  }
  const setPrint = library.func('void *libbpf_set_print(void *)') as (print: null) => unknown;
  setPrint(null);
  const probeProgram = library.func('int libbpf_probe_bpf_prog_type(int, void *)');
  const probeMap = library.func('int libbpf_probe_bpf_map_type(int, void *)');
  return {
    version,
    probeProgramType: (type) => probeProgram(type, null) as number,
    probeMapType: (type) => probeMap(type, null) as number,
  };
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
