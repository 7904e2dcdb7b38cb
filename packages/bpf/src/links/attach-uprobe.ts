import type { Program } from '../programs/program.ts';
import { allocate, allocateText } from '../sys/memory.ts';
import type { UprobeOptions } from './uprobe-options.ts';
import { attachUprobeMulti } from './attach-uprobe-multi.ts';
import { type Link, linkOf } from './link.ts';

/** Offsets in struct bpf_uprobe_opts of libbpf 1.1. */
const layout = { byteLength: 40, cookie: 16, isReturn: 24, functionName: 32 } as const;
const allProcesses = -1;

/**
 * Attaches to a function of user space: by perf, or by a link of Linux 6.6 where the program was loaded for that. Throws
 * `BPF_ATTACH_FAILED`, which names file and symbol.
 */
export function attachUprobe(program: Program, options: UprobeOptions): Link {
  if (program.isMulti) return attachUprobeMulti(program, options);
  const { path, symbol, offset = 0, pid = allProcesses, isReturn = false, cookie } = options;
  using native = allocate(layout.byteLength);
  using name = symbol === undefined ? undefined : allocateText(symbol);
  const view = new DataView(native.bytes.buffer);
  view.setBigUint64(0, BigInt(layout.byteLength), true);
  view.setBigUint64(layout.cookie, cookie ?? 0n, true);
  view.setUint8(layout.isReturn, isReturn ? 1 : 0);
  view.setBigUint64(layout.functionName, name?.address ?? 0n, true);
  const made = program.libbpf.pointer(
    'bpf_program__attach_uprobe_opts',
    program.address,
    pid,
    path,
    offset,
    native.address,
  );
  const place = symbol === undefined ? `0x${offset.toString(16)}` : symbol;
  return linkOf(program.libbpf, made, {
    kind: isReturn ? 'uretprobe' : 'uprobe',
    target: `${path}:${place}`,
  });
}
