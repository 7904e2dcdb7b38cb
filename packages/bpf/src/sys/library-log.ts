import koffi from 'koffi';
import type { Libbpf, Pointer } from './libbpf.ts';

const lineBytesMax = 4_096;
const linesMax = 256;
/** libbpf.h, enum libbpf_print_level: warnings are 0, information 1, debugging 2. */
const warningLevel = 0;

/**
 * Runs something and collects what libbpf warns of meanwhile. libbpf hands its arguments over as a `va_list`, which
 * the x86-64, AArch64 and RISC-V calling conventions pass as a pointer, as vsnprintf takes it.
 */
export function withLibraryLog<Result>(
  libbpf: Libbpf,
  run: () => Result,
): { readonly result: Result; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const libc = koffi.load('libc.so.6');
  const vsnprintf = libc.func('vsnprintf', 'int', ['void *', 'size_t', 'void *', 'void *']);
  const line = Buffer.alloc(lineBytesMax);
  const print = (level: number, format: Pointer, args: Pointer): number => {
    if (level !== warningLevel || lines.length >= linesMax) return 0;
    const length = vsnprintf(line, line.byteLength, format, args) as number;
    const text = line.toString('utf8', 0, Math.min(length, line.byteLength - 1));
    lines.push(text.replace(/^libbpf: /, '').trimEnd());
    return 0;
  };
  const callback = koffi.register(
    print,
    koffi.pointer(koffi.proto('int', ['int', 'void *', 'void *'])),
  );
  libbpf.pointer('libbpf_set_print', callback);
  try {
    return { result: run(), lines };
  } finally {
    libbpf.pointer('libbpf_set_print', null);
    koffi.unregister(callback);
  }
}
