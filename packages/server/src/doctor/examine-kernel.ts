import { type Feature, probeFeatures } from '@millrace/bpf';
import type { Finding } from './finding.ts';

/** What a part of the kernel view cannot do without, by name of the feature. */
const base = [
  'libbpf',
  'types of the kernel (BTF)',
  'CAP_BPF',
  'CAP_PERFMON',
  'map: ring buffer',
  'map: per-CPU array',
];
const parts: Readonly<Record<string, readonly string[]>> = {
  'requests at sockets': [...base, 'map: LRU hash', 'hook: tracepoint by type'],
  'TCP health': [...base, 'hook: tracepoint by type'],
  'run queue': [...base, 'hook: tracepoint by type'],
  'transmit timestamps': [
    ...base,
    'CAP_NET_ADMIN',
    'program: sockops',
    'cgroup version 2',
    'transmit timestamps of sockets',
  ],
  'inside engines and TLS': [
    ...base,
    'program: kprobe and uprobe',
    'hook: many user-space probes in one link',
  ],
  'packets of an interface': [...base, 'CAP_NET_ADMIN', 'program: tc', 'hook: packets by tcx'],
  'probes turned off for their cost': ['CAP_SYS_ADMIN', 'run-time statistics of programs'],
};

/** Looks at what each part of the kernel view needs; what is lacking takes that part away and no other. */
export function examineKernelView(
  features: readonly Feature[] = probeFeatures(),
): readonly Finding[] {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  return Object.entries(parts).map(([part, needed]) => {
    const lacking = needed.flatMap((name) => {
      const feature = byName.get(name);
      return feature?.answer === 'yes' ? [] : [feature ?? unknown(name)];
    });
    return findingOf(`kernel view, ${part}`, lacking);
  });
}

function unknown(name: string): Feature {
  return { name, answer: 'inconclusive', reason: 'nobody asked' };
}

function findingOf(subject: string, lacking: readonly Feature[]): Finding {
  if (lacking.length === 0) return { subject, state: 'good', detail: 'this machine can' };
  const capabilities = lacking.filter(({ name }) => name.startsWith('CAP_'));
  // What could not be asked for want of a capability is told by the capability alone.
  const told = lacking.filter(
    ({ name, answer, needs = '' }) =>
      name.startsWith('CAP_') || answer === 'no' || !needs.includes('CAP_'),
  );
  const needs = new Set(lacking.flatMap((feature) => feature.needs?.split(', ') ?? []));
  const others = [...needs].filter((need) => !need.startsWith('CAP_'));
  const mends = [
    ...(capabilities.length > 0
      ? [`run as root, or with ${capabilities.map(({ name }) => name).join(', ')}`]
      : []),
    ...others,
  ];
  return {
    subject,
    state: 'lacking',
    detail: told.map(({ name, reason }) => `${name}: ${reason}`).join('; '),
    ...(mends.length === 0 ? {} : { mend: mends.join('; ') }),
  };
}
