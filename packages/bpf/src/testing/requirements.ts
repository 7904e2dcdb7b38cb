import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { messageOf } from '@millrace/stdx';
import { type Capability, effectiveCapabilities } from '../programs/capabilities.ts';
import { openLibbpf } from '../sys/libbpf.ts';

const tracingCapabilities: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'];

/** Whether programs can be loaded here; skips the test with the reason where they cannot. */
export function requireKernel(
  t: TestContext,
  capabilities: readonly Capability[] = tracingCapabilities,
): boolean {
  const lacking = lackingForKernel(capabilities);
  if (lacking === undefined) return true;
  t.skip(`needs the kernel: ${lacking}`);
  return false;
}

/** Whether a program of the system is there; skips the test with the reason where it is not. */
export function requireCommand(t: TestContext, command: string, version: RegExp = /(?:)/): boolean {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  if (status === 0 && version.test(stdout)) return true;
  t.skip(`needs the command ${command}, with a version like ${version.source}`);
  return false;
}

function lackingForKernel(capabilities: readonly Capability[]): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'CONFIG_DEBUG_INFO_BTF';
  const held = effectiveCapabilities();
  const missing = capabilities.filter((capability) => !held.has(capability));
  if (missing.length > 0) return missing.join(', ');
  try {
    openLibbpf();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
