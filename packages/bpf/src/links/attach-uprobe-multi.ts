import { closeSync } from 'node:fs';
import { symbolOffset } from '../elf/symbol-offset.ts';
import type { Program } from '../programs/program.ts';
import { openLibc } from '../sys/libc.ts';
import { allocate, allocateText } from '../sys/memory.ts';
import type { UprobeOptions } from './uprobe-options.ts';
import { attachFault, Link, type LinkKind } from './link.ts';

/** linux/bpf.h: BPF_LINK_CREATE, BPF_TRACE_UPROBE_MULTI, BPF_F_UPROBE_MULTI_RETURN. */
const linkCreate = 28;
export const uprobeMultiType = 48;
const returnFlag = 1;
/** Offsets in union bpf_attr, member link_create.uprobe_multi (Linux 6.6). */
const layout = {
  byteLength: 64,
  attachType: 8,
  path: 16,
  offsets: 24,
  cookies: 40,
  count: 48,
  flags: 52,
  pid: 56,
} as const;

/**
 * Attaches by a link for many places, of which this uses one: unlike a probe by perf it needs CAP_PERFMON only. Throws
 * `BPF_ATTACH_FAILED`.
 */
export function attachUprobeMulti(program: Program, options: UprobeOptions): Link {
  const { path, symbol, offset = 0, pid = 0, isReturn = false, cookie = 0n } = options;
  const at = symbol === undefined ? offset : symbolOffset(path, symbol) + offset;
  using pathText = allocateText(path);
  using offsets = allocate(8);
  using cookies = allocate(8);
  new DataView(offsets.bytes.buffer).setBigUint64(0, BigInt(at), true);
  new DataView(cookies.bytes.buffer).setBigUint64(0, cookie, true);
  const attributes = new Uint8Array(layout.byteLength);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, program.fd, true);
  view.setUint32(layout.attachType, uprobeMultiType, true);
  view.setBigUint64(layout.path, pathText.address, true);
  view.setBigUint64(layout.offsets, offsets.address, true);
  view.setBigUint64(layout.cookies, cookies.address, true);
  view.setUint32(layout.count, 1, true);
  view.setUint32(layout.flags, isReturn ? returnFlag : 0, true);
  view.setUint32(layout.pid, pid, true);
  const kind: LinkKind = isReturn ? 'uretprobe' : 'uprobe';
  const target = `${path}:${symbol ?? `0x${at.toString(16)}`}`;
  const fd = openLibc().bpf(linkCreate, attributes);
  if (fd < 0) throw attachFault({ kind, target }, fd);
  return new Link(program.libbpf, { kind, target, fd, release: () => closeSync(fd) });
}
