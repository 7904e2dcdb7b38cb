import { closeSync, constants, openSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import type { Program } from '../programs/program.ts';
import { type Link, linkOf } from './link.ts';

/** Attaches to a cgroup of version 2, by its folder. Throws `BPF_ATTACH_FAILED`. */
export function attachCgroup(program: Program, path: string): Link {
  const fd = openFolder(path);
  try {
    const made = program.libbpf.pointer('bpf_program__attach_cgroup', program.address, fd);
    return linkOf(program.libbpf, made, { kind: 'cgroup', target: path });
  } finally {
    closeSync(fd);
  }
}

function openFolder(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    throw new BpfError(`attach to cgroup ${path}: its folder cannot be opened`, {
      code: 'BPF_ATTACH_FAILED',
      cause,
    });
  }
}
