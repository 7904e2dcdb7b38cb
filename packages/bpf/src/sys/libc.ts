import koffi from 'koffi';
import type { Pointer } from './libbpf.ts';

/** Calls of the C library that Node does not offer. Numbers are 0 or above, or a negative errno. */
export interface Libc {
  /** Maps a file shared; the result is the address or a negative errno. */
  mapShared(fd: number, range: MappedRange): Pointer | number;
  readonly pageBytes: number;
  unmap(address: Pointer, byteLength: number): void;
  /** Puts the calling thread into a namespace. */
  enterNamespace(fd: number, kind: number): number;
  /** Index of a network interface of the calling thread's namespace; 0 where there is none of that name. */
  interfaceIndex(name: string): number;
  /** bpf(2), for commands that libbpf 1.1 has no function for. */
  bpf(command: number, attributes: Uint8Array): number;
  /** perf_event_open(2) for a process and a processor; -1 stands for all of them. */
  openPerfEvent(
    attributes: Uint8Array,
    where: { readonly pid: number; readonly cpu: number },
  ): number;
}

export interface MappedRange {
  readonly offset: number;
  readonly byteLength: number;
  readonly isWritable: boolean;
}

/** Numbers of sys/mman.h. */
const [readable, writable, shared] = [1, 2, 1] as const;
/** Numbers of the system calls (asm/unistd.h), by Node's name of the architecture. */
const systemCalls: Readonly<Record<string, { readonly bpf: number; readonly perf: number }>> = {
  x64: { bpf: 321, perf: 298 },
  arm64: { bpf: 280, perf: 241 },
  riscv64: { bpf: 280, perf: 241 },
};
const errnoNotImplemented = 38;
const closeOnExec = 8;

/** Opens the C library that this process runs with. */
export function openLibc(): Libc {
  const library = koffi.load('libc.so.6');
  const mmap = library.func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const munmap = library.func('munmap', 'int', ['void *', 'size_t']);
  const setns = library.func('setns', 'int', ['int', 'int']);
  const nametoindex = library.func('if_nametoindex', 'uint32_t', ['const char *']);
  const call = library.func('syscall', 'int64_t', [
    'int64_t',
    'int64_t',
    'void *',
    'int64_t',
    'int64_t',
    'int64_t',
  ]);
  const perf = library.func('syscall', 'int64_t', [
    'int64_t',
    'void *',
    'int64_t',
    'int64_t',
    'int64_t',
    'int64_t',
  ]);
  const orErrno = (result: number): number => (result < 0 ? -koffi.errno() : result);
  const numbers = systemCalls[process.arch];
  const getpagesize = library.func('getpagesize', 'int', []);
  return {
    pageBytes: getpagesize() as number,
    mapShared: (fd, { offset, byteLength, isWritable }) => {
      const protection = isWritable ? readable + writable : readable;
      const address = mmap(null, byteLength, protection, shared, fd, offset) as Pointer | null;
      return address === null || BigInt.asIntN(64, address) === -1n ? -koffi.errno() : address;
    },
    unmap: (address, byteLength) => void munmap(address, byteLength),
    enterNamespace: (fd, kind) => orErrno(setns(fd, kind) as number),
    interfaceIndex: (name) => nametoindex(name) as number,
    bpf: (command, attributes) =>
      numbers === undefined
        ? -errnoNotImplemented
        : orErrno(Number(call(numbers.bpf, command, attributes, attributes.byteLength, 0, 0))),
    openPerfEvent: (attributes, { pid, cpu }) =>
      numbers === undefined
        ? -errnoNotImplemented
        : orErrno(Number(perf(numbers.perf, attributes, pid, cpu, -1, closeOnExec))),
  };
}
