import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { messageOf } from '@millrace/stdx';
import { kernelBtfPath } from '../btf/kernel-btf.ts';
import { bpffsState } from '../pins/prepare-bpffs.ts';
import type { Feature } from './feature.ts';
import { hasEventSource } from './probe-hooks.ts';

const tracefsPaths = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** What files tell of this machine. */
export function probeMachine(): readonly Feature[] {
  return [
    { name: 'kernel', answer: 'yes', reason: `Linux ${release()} on ${process.arch}` },
    typesFeature(),
    guarded('unprivileged eBPF', unprivilegedFeature),
    guarded('lockdown', lockdownFeature),
    guarded('bpffs', bpffsFeature),
    guarded('tracefs', tracefsFeature),
    guarded('cgroup version 2', cgroupFeature),
    eventFeature('uprobe', 'CONFIG_UPROBE_EVENTS'),
    eventFeature('kprobe', 'CONFIG_KPROBE_EVENTS'),
  ];
}

function guarded(name: string, probe: (name: string) => Feature): Feature {
  try {
    return probe(name);
  } catch (error) {
    return { name, answer: 'inconclusive', reason: messageOf(error) };
  }
}

function typesFeature(): Feature {
  const name = 'types of the kernel (BTF)';
  if (existsSync(kernelBtfPath))
    return { name, answer: 'yes', reason: `${kernelBtfPath} is there` };
  return {
    name,
    answer: 'no',
    reason: `${kernelBtfPath} is missing`,
    needs: 'CONFIG_DEBUG_INFO_BTF',
  };
}

function unprivilegedFeature(name: string): Feature {
  const path = '/proc/sys/kernel/unprivileged_bpf_disabled';
  const value = readFileSync(path, 'utf8').trim();
  return { name, answer: value === '0' ? 'yes' : 'no', reason: `${path} is ${value}` };
}

/** A kernel that is locked down to confidentiality lets no program read its memory (kernel_lockdown(7)). */
function lockdownFeature(name: string): Feature {
  const path = '/sys/kernel/security/lockdown';
  if (!existsSync(path)) return { name, answer: 'no', reason: `${path} is not there` };
  const mode = /\[(\w+)\]/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'unknown';
  return { name, answer: mode === 'none' ? 'no' : 'yes', reason: `${path} is ${mode}` };
}

function bpffsFeature(name: string): Feature {
  const state = bpffsState();
  if (state === 'open') return { name, answer: 'yes', reason: 'mounted at /sys/fs/bpf' };
  if (state === 'closed') {
    return { name, answer: 'yes', reason: 'mounted at /sys/fs/bpf, where only root may enter' };
  }
  return {
    name,
    answer: 'no',
    reason: 'it is not mounted; with CAP_SYS_ADMIN one of our own is',
    needs: 'mount -t bpf bpf /sys/fs/bpf',
  };
}

function tracefsFeature(name: string): Feature {
  const path = tracefsPaths.find((candidate) => existsSync(`${candidate}/events`));
  if (path === undefined) {
    return {
      name,
      answer: 'no',
      reason: 'it is not mounted, or not to be entered; tracepoints by type do without',
      needs: 'mount -t tracefs tracefs /sys/kernel/tracing',
    };
  }
  try {
    accessSync(`${path}/events/sched/sched_switch/id`, constants.R_OK);
    return { name, answer: 'yes', reason: `mounted at ${path}` };
  } catch {
    const needs = 'CAP_DAC_READ_SEARCH';
    return { name, answer: 'no', reason: `mounted at ${path}, but not readable`, needs };
  }
}

function cgroupFeature(name: string): Feature {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === 'cgroup2');
  return mount === undefined
    ? {
        name,
        answer: 'no',
        reason: 'it is not mounted',
        needs: 'mount -t cgroup2 none /sys/fs/cgroup',
      }
    : { name, answer: 'yes', reason: `mounted at ${mount[1] ?? '?'}` };
}

function eventFeature(source: 'uprobe' | 'kprobe', needs: string): Feature {
  const name = source === 'uprobe' ? 'hook: user-space probe' : 'hook: kernel probe';
  return hasEventSource(source)
    ? { name, answer: 'yes', reason: `perf knows the event source ${source}` }
    : { name, answer: 'no', reason: `perf knows no event source ${source}`, needs };
}
