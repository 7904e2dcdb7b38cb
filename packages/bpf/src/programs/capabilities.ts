import { readFileSync } from 'node:fs';
import type { ProgramKind } from '../spec/program-kind.ts';

export type Capability =
  | 'CAP_BPF'
  | 'CAP_DAC_READ_SEARCH'
  | 'CAP_NET_ADMIN'
  | 'CAP_PERFMON'
  | 'CAP_SYS_ADMIN';

/** Bits of linux/capability.h. */
const bits: Readonly<Record<Capability, bigint>> = {
  CAP_DAC_READ_SEARCH: 2n,
  CAP_NET_ADMIN: 12n,
  CAP_SYS_ADMIN: 21n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
};

const networkKinds: ReadonlySet<ProgramKind> = new Set<ProgramKind>(['tc', 'tcx', 'sockops']);
/** Kinds that the kernel asks no more for than to load anything; of unknown ones it says itself what it lacks. */
const plainKinds: ReadonlySet<ProgramKind> = new Set<ProgramKind>(['socket', 'unknown']);

/** The capabilities that the calling thread can use. CAP_SYS_ADMIN stands for what bpf(2) lets it stand for. */
export function effectiveCapabilities(): ReadonlySet<Capability> {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  return capabilitiesOf(status);
}

/** The same of the text of a `/proc/<pid>/task/<tid>/status`. */
export function capabilitiesOf(status: string): ReadonlySet<Capability> {
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: Capability): boolean => ((held >> bits[capability]) & 1n) === 1n;
  const all = Object.keys(bits) as Capability[];
  const standsFor = new Set<Capability>(['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN']);
  return new Set(
    all.filter(
      (capability) => has(capability) || (standsFor.has(capability) && has('CAP_SYS_ADMIN')),
    ),
  );
}

/** What loading a program of a kind needs (kernel/bpf/syscall.c, bpf_prog_load). */
export function capabilitiesFor(kind: ProgramKind): readonly Capability[] {
  if (plainKinds.has(kind)) return ['CAP_BPF'];
  return networkKinds.has(kind) ? ['CAP_BPF', 'CAP_NET_ADMIN'] : ['CAP_BPF', 'CAP_PERFMON'];
}
