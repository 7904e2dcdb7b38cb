import { type Capability, effectiveCapabilities } from '../programs/capabilities.ts';
import { describeErrno } from '../sys/errno.ts';
import type { Feature } from './feature.ts';

/** A kind of map or program that libbpf can ask the kernel for. */
export interface ProbedKind {
  readonly name: string;
  /** linux/bpf.h, enum bpf_map_type or enum bpf_prog_type. */
  readonly type: number;
  /** Without these, the kernel refuses what it has. */
  readonly asking: readonly Capability[];
}

const tracing: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON'];
const network: readonly Capability[] = ['CAP_BPF', 'CAP_NET_ADMIN'];

export const mapKinds: readonly ProbedKind[] = [
  { name: 'map: hash', type: 1, asking: ['CAP_BPF'] },
  { name: 'map: array', type: 2, asking: ['CAP_BPF'] },
  { name: 'map: per-CPU hash', type: 5, asking: ['CAP_BPF'] },
  { name: 'map: per-CPU array', type: 6, asking: ['CAP_BPF'] },
  { name: 'map: LRU hash', type: 9, asking: ['CAP_BPF'] },
  { name: 'map: socket storage', type: 24, asking: ['CAP_BPF'] },
  { name: 'map: ring buffer', type: 27, asking: ['CAP_BPF'] },
  { name: 'map: task storage', type: 29, asking: ['CAP_BPF'] },
];

export const programKinds: readonly ProbedKind[] = [
  { name: 'program: kprobe and uprobe', type: 2, asking: tracing },
  { name: 'program: tc', type: 3, asking: network },
  { name: 'program: tracepoint', type: 5, asking: tracing },
  { name: 'program: perf event', type: 7, asking: tracing },
  { name: 'program: sockops', type: 13, asking: network },
  { name: 'program: raw tracepoint', type: 17, asking: tracing },
];

/** What libbpf answered: 1 for yes, 0 for no, a negative errno where it could not find out. */
export function featureOfStatus({ name, asking }: ProbedKind, status: number): Feature {
  if (status === 1) return { name, answer: 'yes', reason: 'the kernel made one' };
  // libbpf takes a refusal for want of privileges for a missing feature.
  const lacking = lackingFor(asking);
  if (lacking !== undefined) return cannotAsk(name, lacking);
  if (status === 0) return { name, answer: 'no', reason: 'the kernel refused to make one' };
  return { name, answer: 'inconclusive', reason: `libbpf could not ask: ${describeErrno(status)}` };
}

/** The capabilities among these that this thread lacks, in words. */
export function lackingFor(asking: readonly Capability[]): string | undefined {
  const held = effectiveCapabilities();
  const lacking = asking.filter((capability) => !held.has(capability));
  return lacking.length === 0 ? undefined : lacking.join(', ');
}

/** A feature that cannot be asked for here. */
export function cannotAsk(name: string, needs: string): Feature {
  return { name, answer: 'inconclusive', reason: `asking needs ${needs}`, needs };
}
