import { readKernelBtf } from '@millrace/bpf';
import { filtersOf, type KernelProbeName } from './probe-form.ts';
import { type LoadedProbe, ProbeObject } from './probe-object.ts';
import { RingProbe } from './ring-probe.ts';
import { filterConstants, ProbeFilter, type WatchFilter } from './watch-filter.ts';

/** Loads and attaches a probe. Throws what @millrace/bpf throws where the kernel or a capability is lacking. */
export function openKernelProbe(name: KernelProbeName, filter: WatchFilter): LoadedProbe {
  const only = programsOf(name);
  const object = new ProbeObject({
    name,
    constants: filterConstants(filter),
    ...(only === undefined ? {} : { only }),
    prepare: (loaded) => {
      const own = new ProbeFilter(loaded, filtersOf[name]);
      own.addProcesses(filter.tgids ?? []);
      own.addPorts(filter.ports);
    },
  });
  return new RingProbe(name, object);
}

/** Where the kernel holds single threads by a cgroup's limit, as since 6.18, the switch away from one tells it. */
function programsOf(name: KernelProbeName): readonly string[] | undefined {
  if (name !== 'run-queue') return undefined;
  const task = readKernelBtf().find('struct', 'task_struct');
  const holdsThreads = task?.members.some((member) => member.name === 'throttled') ?? false;
  return holdsThreads ? ['on_switch'] : undefined;
}
