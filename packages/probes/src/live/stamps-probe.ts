import { readFileSync } from 'node:fs';
import { attachCgroup } from '@millrace/bpf';
import { UnsupportedError } from '@millrace/stdx';
import { filtersOf } from './probe-form.ts';
import { type LoadedProbe, ProbeObject } from './probe-object.ts';
import { RingProbe } from './ring-probe.ts';
import { ProbeFilter } from './watch-filter.ts';

/** What is told of. */
export interface StampsOptions {
  /** Writes that were with the driver sooner after their beginning have left at once; 50 µs where it is absent. */
  readonly leftNsMin?: number;
}

/**
 * TX timestamps of the writes of connections that are made while it is attached, which it is to the root of the cgroups of
 * version 2. Throws an `UnsupportedError` where something lacks.
 */
export function openStampsProbe(
  ports: readonly number[],
  { leftNsMin }: StampsOptions = {},
): LoadedProbe {
  const root = cgroupRoot();
  const object = new ProbeObject({
    name: 'stamps',
    ...(leftNsMin === undefined ? {} : { constants: { left_ns_min: leftNsMin } }),
    prepare: (loaded) => new ProbeFilter(loaded, filtersOf.stamps).addPorts(ports),
    attach: (loaded, program) => [attachCgroup(loaded.program(program), root)],
  });
  return new RingProbe('stamps', object);
}

/** Where cgroups of version 2 are mounted. */
function cgroupRoot(): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2');
  const path = line?.split(' ')[1];
  if (path !== undefined) return path;
  throw new UnsupportedError('stamp writes: no cgroups of version 2 are mounted', {
    code: 'PROBES_CGROUP_MISSING',
    needs: 'a mount of cgroup2',
  });
}
