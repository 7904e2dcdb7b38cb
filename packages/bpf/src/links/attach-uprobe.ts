import type { Program } from '../programs/program.ts';
import { allocate, allocateText } from '../sys/memory.ts';
import type { CookieOption } from './attach-tracepoint.ts';
import { type Link, linkOf } from './link.ts';

/** Where in a program or library of user space. */
export interface UprobeOptions extends CookieOption {
  readonly path: string;
  /** A function's name in the file's symbol tables. */
  readonly symbol?: string;
  /** Bytes past the symbol, or past the start of the file where there is none. */
  readonly offset?: number;
  /** Only in this process; in all where it is absent. */
  readonly pid?: number;
  /** True: when the function returns. */
  readonly isReturn?: boolean;
}

/** Offsets in struct bpf_uprobe_opts of libbpf 1.1. */
const layout = { byteLength: 40, cookie: 16, isReturn: 24, functionName: 32 } as const;
const allProcesses = -1;

/** Attaches to a function of user space. Throws `BPF_ATTACH_FAILED`, which names file and symbol. */
export function attachUprobe(program: Program, options: UprobeOptions): Link {
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
