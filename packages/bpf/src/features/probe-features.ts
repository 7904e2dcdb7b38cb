import { existsSync, readFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { messageOf } from '@millrace/stdx';
import { type Libbpf, openLibbpf } from '../sys/libbpf.ts';

/** What this machine can do of one thing; `reason` says how that was found out, or why it was not. */
export interface Feature {
  readonly name: string;
  readonly answer: 'yes' | 'no' | 'inconclusive';
  readonly reason: string;
}

/** Numbers of linux/bpf.h: enum bpf_map_type and enum bpf_prog_type. */
const mapTypes: Readonly<Record<string, number>> = {
  'map: array': 2,
  'map: per-CPU hash': 5,
  'map: per-CPU array': 6,
  'map: ring buffer': 27,
};
const programTypes: Readonly<Record<string, number>> = {
  'program: kprobe and uprobe': 2,
  'program: tc': 3,
  'program: tracepoint': 5,
  'program: sockops': 13,
  'program: raw tracepoint': 17,
};

const kernelBtf = '/sys/kernel/btf/vmlinux';

/** Asks this machine for one feature after the other; each answer stands alone, and none throws. */
export function probeFeatures(): readonly Feature[] {
  return [...libbpfFeatures(), btfFeature(), unprivilegedFeature(), bpffsFeature()];
}

function libbpfFeatures(): readonly Feature[] {
  const asked = { ...mapTypes, ...programTypes };
  try {
    const libbpf = openLibbpf();
    return [
      { name: 'libbpf', answer: 'yes', reason: `version ${libbpf.version}` },
      ...Object.entries(mapTypes).map(([name, type]) =>
        featureOf(name, libbpf.number('libbpf_probe_bpf_map_type', type, null), libbpf),
      ),
      ...Object.entries(programTypes).map(([name, type]) =>
        featureOf(name, libbpf.number('libbpf_probe_bpf_prog_type', type, null), libbpf),
      ),
    ];
  } catch (error) {
    const reason = messageOf(error);
    return [
      { name: 'libbpf', answer: 'no', reason },
      ...Object.keys(asked).map((name): Feature => ({ name, answer: 'inconclusive', reason })),
    ];
  }
}

function featureOf(name: string, status: number, libbpf: Libbpf): Feature {
  if (status === 1) return { name, answer: 'yes', reason: 'the kernel made one' };
  if (status === 0) {
    // libbpf takes a refusal for want of privileges for a missing feature.
    return holdsCapabilities()
      ? { name, answer: 'no', reason: 'the kernel refused to make one' }
      : {
          name,
          answer: 'inconclusive',
          reason: 'asking needs CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN',
        };
  }
  const [code, text] = getSystemErrorMap().get(status) ?? [`status ${status}`, 'unknown'];
  const reason = `libbpf ${libbpf.version} could not find out: ${code}, ${text}`;
  return { name, answer: 'inconclusive', reason };
}

/** Bits of linux/capability.h; CAP_SYS_ADMIN stands for the first two. */
function holdsCapabilities(): boolean {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  const held = BigInt(`0x${line?.[1] ?? '0'}`);
  const has = (bit: bigint): boolean => ((held >> bit) & 1n) === 1n;
  const [netAdmin, sysAdmin, perfmon, bpf] = [12n, 21n, 38n, 39n] as const;
  return has(netAdmin) && (has(sysAdmin) || (has(perfmon) && has(bpf)));
}

function btfFeature(): Feature {
  const name = 'types of the kernel (BTF)';
  return existsSync(kernelBtf)
    ? { name, answer: 'yes', reason: `${kernelBtf} is there` }
    : { name, answer: 'no', reason: `${kernelBtf} is missing; needs CONFIG_DEBUG_INFO_BTF` };
}

function unprivilegedFeature(): Feature {
  const name = 'unprivileged eBPF';
  const path = '/proc/sys/kernel/unprivileged_bpf_disabled';
  try {
    const value = readFileSync(path, 'utf8').trim();
    return { name, answer: value === '0' ? 'yes' : 'no', reason: `${path} is ${value}` };
  } catch (error) {
    return { name, answer: 'inconclusive', reason: messageOf(error) };
  }
}

function bpffsFeature(): Feature {
  const name = 'bpffs';
  try {
    const mount = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .find((fields) => fields[2] === 'bpf');
    return mount === undefined
      ? { name, answer: 'no', reason: 'it is not mounted' }
      : { name, answer: 'yes', reason: `mounted at ${mount[1] ?? '?'}` };
  } catch (error) {
    return { name, answer: 'inconclusive', reason: messageOf(error) };
  }
}
