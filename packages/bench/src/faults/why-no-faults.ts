import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';

/** Why faults cannot be made here, if they cannot: it names what is missing. */
export function whyNoFaults(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root: namespaces, cgroups and eBPF';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'needs a kernel with BTF';
  for (const [program, brings] of [
    ['nsenter', 'util-linux'],
    ['taskset', 'util-linux'],
    ['tc', 'iproute2'],
  ] as const) {
    const { error } = spawnSync(program, ['-V']);
    if (error !== undefined) return `needs ${program} (apt-get install ${brings})`;
  }
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'needs /dev/net/tun';
  }
  return undefined;
}
