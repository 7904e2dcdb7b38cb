import { messageOf } from '@millrace/stdx';
import { type Libbpf, openLibbpf } from '../sys/libbpf.ts';
import { type Capability, effectiveCapabilities } from '../programs/capabilities.ts';
import type { Feature } from './feature.ts';
import { probeHooks } from './probe-hooks.ts';
import { featureOfStatus, type ProbedKind, mapKinds, programKinds } from './probe-kinds.ts';
import { probeMachine } from './probe-machine.ts';

/** What a capability is for. */
const capabilityUses: Readonly<Record<Capability, string>> = {
  CAP_BPF: 'loading programs and making maps',
  CAP_PERFMON: 'programs that trace, and user-space probes',
  CAP_NET_ADMIN: 'socket operations and packets',
  CAP_DAC_READ_SEARCH: 'tracepoints by name, whose numbers are in tracefs',
  CAP_SYS_ADMIN: 'statistics of programs, a bpffs of our own, one user-space probe at a time',
};

/** Asks this machine for one feature after the other; each answer stands alone, and none throws. */
export function probeFeatures(): readonly Feature[] {
  return [...probeCapabilities(), ...probeMachine(), ...probeLibbpf()];
}

function probeCapabilities(): readonly Feature[] {
  const held = effectiveCapabilities();
  return (Object.keys(capabilityUses) as Capability[]).map((name) => {
    const reason = `for ${capabilityUses[name]}`;
    if (held.has(name)) return { name, answer: 'yes', reason };
    return { name, answer: 'no', reason: `this thread lacks it; ${reason}`, needs: name };
  });
}

function probeLibbpf(): readonly Feature[] {
  const name = 'libbpf';
  let libbpf: Libbpf;
  try {
    libbpf = openLibbpf();
  } catch (error) {
    const reason = messageOf(error);
    const unknown = [...mapKinds, ...programKinds].map((kind): Feature => ({
      name: kind.name,
      answer: 'inconclusive',
      reason,
    }));
    return [{ name, answer: 'no', reason, needs: 'package libbpf1' }, ...unknown];
  }
  const probe = (call: string, kinds: readonly ProbedKind[]): readonly Feature[] =>
    kinds.map((kind) => featureOfStatus(kind, libbpf.number(call, kind.type, null)));
  return [
    { name, answer: 'yes', reason: `version ${libbpf.version}` },
    ...probe('libbpf_probe_bpf_map_type', mapKinds),
    ...probe('libbpf_probe_bpf_prog_type', programKinds),
    ...probeHooks(libbpf),
  ];
}
