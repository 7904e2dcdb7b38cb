import { closeSync, existsSync } from 'node:fs';
import { messageOf } from '@millrace/stdx';
import type { Btf } from '../btf/btf.ts';
import { readKernelBtf } from '../btf/kernel-btf.ts';
import { describeErrno, errno } from '../sys/errno.ts';
import type { Libbpf } from '../sys/libbpf.ts';
import { allocate } from '../sys/memory.ts';
import type { Feature } from './feature.ts';
import { cannotAsk, lackingFor } from './probe-kinds.ts';

/** linux/bpf.h: enum bpf_prog_type and enum bpf_attach_type. */
const programTypes = { kprobe: 2, classifier: 3, tracing: 26 } as const;
const attachTypes = { rawTracepoint: 23, entry: 24, tcxIngress: 46, uprobeMulti: 48 } as const;
/** Offsets in struct bpf_prog_load_opts of libbpf 1.1. */
const loadOptions = { byteLength: 104, attachType: 12, attachTypeId: 32 } as const;
/** `r0 = 0; exit`, the shortest program. */
const shortest = Buffer.from('b7000000000000009500000000000000', 'hex');
/** An index that no interface has: the kernel gets as far as to look for it. */
const noInterface = 0x7fff_fff0;
const errnoNoDevice = 19;

/** Hooks that only loading or attaching something tells of. Everything that was made is closed again. */
export function probeHooks(libbpf: Libbpf): readonly Feature[] {
  let kernel: Btf;
  try {
    kernel = readKernelBtf();
  } catch (error) {
    return [{ name: 'hooks by type', answer: 'inconclusive', reason: messageOf(error) }];
  }
  return [
    probeTracepoint(libbpf, kernel),
    probeEntry(libbpf, kernel),
    probeTcx(libbpf),
    probeUprobeMulti(libbpf),
    probeStatistics(libbpf),
    probeFunction(kernel, { name: 'iterator: tasks', target: 'bpf_iter_task' }),
    probeFunction(kernel, { name: 'iterator: TCP sockets', target: 'bpf_iter_tcp' }),
    probeFunction(kernel, {
      name: 'transmit timestamps of sockets',
      target: 'bpf_sock_ops_enable_tx_tstamp',
    }),
  ];
}

interface Shortest {
  readonly type: number;
  readonly attachType: number;
  readonly attachTypeId?: number;
}

function load(libbpf: Libbpf, { type, attachType, attachTypeId = 0 }: Shortest): number {
  using options = allocate(loadOptions.byteLength);
  const view = new DataView(options.bytes.buffer);
  view.setBigUint64(0, BigInt(loadOptions.byteLength), true);
  view.setUint32(loadOptions.attachType, attachType, true);
  view.setUint32(loadOptions.attachTypeId, attachTypeId, true);
  const instructions = shortest.byteLength / 8;
  return libbpf.number(
    'bpf_prog_load',
    type,
    'millrace_probe',
    'GPL',
    shortest,
    instructions,
    options.address,
  );
}

function probeTracepoint(libbpf: Libbpf, kernel: Btf): Feature {
  const name = 'hook: tracepoint by type';
  const lacking = lackingFor(['CAP_BPF', 'CAP_PERFMON']);
  if (lacking !== undefined) return cannotAsk(name, lacking);
  const attachTypeId = kernel.findId('typedef', 'btf_trace_sched_switch');
  if (attachTypeId === undefined)
    return { name, answer: 'no', reason: 'the kernel has no type of one' };
  const program = load(libbpf, {
    type: programTypes.tracing,
    attachType: attachTypes.rawTracepoint,
    attachTypeId,
  });
  if (program < 0) return { name, answer: 'no', reason: `loading: ${describeErrno(program)}` };
  const link = libbpf.number('bpf_raw_tracepoint_open', null, program);
  closeSync(program);
  if (link < 0) return { name, answer: 'no', reason: `attaching: ${describeErrno(link)}` };
  closeSync(link);
  return { name, answer: 'yes', reason: 'one was attached to sched_switch' };
}

function probeEntry(libbpf: Libbpf, kernel: Btf): Feature {
  const name = 'hook: function entry by type (fentry)';
  const lacking = lackingFor(['CAP_BPF', 'CAP_PERFMON']);
  if (lacking !== undefined) return cannotAsk(name, lacking);
  const attachTypeId = kernel.findId('function', 'tcp_sendmsg');
  if (attachTypeId === undefined)
    return { name, answer: 'no', reason: 'the kernel has no type of one' };
  const program = load(libbpf, {
    type: programTypes.tracing,
    attachType: attachTypes.entry,
    attachTypeId,
  });
  if (program < 0) {
    const needs = 'a kernel with CONFIG_FUNCTION_TRACER and BPF trampolines';
    return { name, answer: 'no', reason: `loading: ${describeErrno(program)}`, needs };
  }
  const link = libbpf.number('bpf_raw_tracepoint_open', null, program);
  closeSync(program);
  if (link < 0) return { name, answer: 'no', reason: `attaching: ${describeErrno(link)}` };
  closeSync(link);
  return { name, answer: 'yes', reason: 'one was attached to tcp_sendmsg' };
}

function probeTcx(libbpf: Libbpf): Feature {
  const name = 'hook: packets by tcx';
  const lacking = lackingFor(['CAP_BPF', 'CAP_NET_ADMIN']);
  if (lacking !== undefined) return cannotAsk(name, lacking);
  const program = load(libbpf, { type: programTypes.classifier, attachType: 0 });
  if (program < 0)
    return { name, answer: 'inconclusive', reason: `loading: ${describeErrno(program)}` };
  const link = libbpf.number('bpf_link_create', program, noInterface, attachTypes.tcxIngress, null);
  closeSync(program);
  if (link >= 0) closeSync(link);
  if (link === -errnoNoDevice)
    return { name, answer: 'yes', reason: 'the kernel looked for the interface' };
  return { name, answer: 'no', reason: `attaching: ${describeErrno(link)}`, needs: 'Linux 6.6' };
}

function probeUprobeMulti(libbpf: Libbpf): Feature {
  const name = 'hook: many user-space probes in one link';
  const lacking = lackingFor(['CAP_BPF', 'CAP_PERFMON']);
  if (lacking !== undefined) return cannotAsk(name, lacking);
  const program = load(libbpf, { type: programTypes.kprobe, attachType: attachTypes.uprobeMulti });
  if (program >= 0) {
    closeSync(program);
    return { name, answer: 'yes', reason: 'a program for it was loaded' };
  }
  if (program !== -errno.invalid) {
    return { name, answer: 'inconclusive', reason: `loading: ${describeErrno(program)}` };
  }
  return { name, answer: 'no', reason: `loading: ${describeErrno(program)}`, needs: 'Linux 6.6' };
}

/** linux/bpf.h, BPF_STATS_RUN_TIME; on as long as the descriptor is open. */
const runTimeStatistics = 0;

function probeStatistics(libbpf: Libbpf): Feature {
  const name = 'run-time statistics of programs';
  const lacking = lackingFor(['CAP_SYS_ADMIN']);
  if (lacking !== undefined) return cannotAsk(name, lacking);
  const fd = libbpf.number('bpf_enable_stats', runTimeStatistics);
  if (fd < 0) return { name, answer: 'no', reason: describeErrno(fd), needs: 'Linux 5.8' };
  closeSync(fd);
  return { name, answer: 'yes', reason: 'they were on for a moment' };
}

function probeFunction(
  kernel: Btf,
  { name, target }: { readonly name: string; readonly target: string },
): Feature {
  return kernel.find('function', target) === undefined
    ? {
        name,
        answer: 'no',
        reason: `the kernel has no ${target}`,
        needs: `a kernel with ${target}`,
      }
    : { name, answer: 'yes', reason: `the kernel has ${target}` };
}

/** Kinds of events that perf knows: what a probe is attached through. */
export function hasEventSource(name: string): boolean {
  return existsSync(`/sys/bus/event_source/devices/${name}/type`);
}
