import { closeSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import type { Program } from '../programs/program.ts';
import { errno } from '../sys/errno.ts';
import { openLibc } from '../sys/libc.ts';
import { withinNetworkNamespace } from '../sys/network-namespace.ts';
import { attachFault, Link } from './link.ts';

/** Which packets of which network interface. */
export interface ClassifierOptions {
  readonly interfaceName: string;
  readonly direction: 'ingress' | 'egress';
  /** File of the network namespace that has the interface; that of this thread where it is absent. */
  readonly networkNamespace?: string;
  /** `tcx` needs Linux 6.6 and gives a link that can be pinned; `tc` makes a classic filter. */
  readonly via?: 'tcx' | 'tc';
}

/** linux/bpf.h, enum bpf_attach_type. */
const tcxTypes = { ingress: 46, egress: 47 } as const;
/** libbpf.h, enum bpf_tc_attach_point. */
const tcPoints = { ingress: 1, egress: 2 } as const;
const hookLayout = { byteLength: 24, interfaceIndex: 8, point: 12 } as const;
const filterLayout = {
  byteLength: 32,
  programFd: 8,
  flags: 12,
  programId: 16,
  handle: 20,
  priority: 24,
} as const;

/** Attaches a program of section `tc` or `tcx/…` to a network interface. Throws `BPF_ATTACH_FAILED`. */
export function attachClassifier(program: Program, options: ClassifierOptions): Link {
  const within = <Result>(run: () => Result): Result =>
    withinNetworkNamespace(options.networkNamespace, run);
  return within(() => {
    const { interfaceName, direction } = options;
    const interfaceIndex = openLibc().interfaceIndex(interfaceName);
    if (interfaceIndex === 0) {
      throw new BpfError(`attach to interface "${interfaceName}": there is none of that name`, {
        code: 'BPF_ATTACH_FAILED',
      });
    }
    const target = `${interfaceName} ${direction}`;
    return options.via === 'tc'
      ? attachFilter(program, { interfaceIndex, direction, target, within })
      : attachTcx(program, { interfaceIndex, direction, target });
  });
}

interface Place {
  readonly interfaceIndex: number;
  readonly direction: 'ingress' | 'egress';
  readonly target: string;
}

function attachTcx(program: Program, { interfaceIndex, direction, target }: Place): Link {
  const fd = program.libbpf.number(
    'bpf_link_create',
    program.fd,
    interfaceIndex,
    tcxTypes[direction],
    null,
  );
  if (fd < 0) throw attachFault({ kind: 'tcx', target }, fd);
  return new Link(program.libbpf, { kind: 'tcx', target, fd, release: () => closeSync(fd) });
}

interface FilterPlace extends Place {
  readonly within: <Result>(run: () => Result) => Result;
}

function attachFilter(program: Program, place: FilterPlace): Link {
  const { libbpf } = program;
  const { target } = place;
  const hook = new Uint8Array(hookLayout.byteLength);
  const hookView = new DataView(hook.buffer);
  hookView.setUint32(0, hookLayout.byteLength, true);
  hookView.setInt32(hookLayout.interfaceIndex, place.interfaceIndex, true);
  hookView.setInt32(hookLayout.point, tcPoints[place.direction], true);
  const made = libbpf.number('bpf_tc_hook_create', hook);
  if (made < 0 && made !== -errno.exists) throw attachFault({ kind: 'tc', target }, made);
  const filter = new Uint8Array(filterLayout.byteLength);
  const filterView = new DataView(filter.buffer);
  filterView.setUint32(0, filterLayout.byteLength, true);
  filterView.setInt32(filterLayout.programFd, program.fd, true);
  const removeHook = (): void => {
    if (made < 0) return;
    // Both points stand for the queueing discipline that they share.
    hookView.setInt32(hookLayout.point, tcPoints.ingress + tcPoints.egress, true);
    libbpf.number('bpf_tc_hook_destroy', hook);
  };
  const attached = libbpf.number('bpf_tc_attach', hook, filter);
  if (attached < 0) {
    removeHook();
    throw attachFault({ kind: 'tc', target }, attached);
  }
  return new Link(libbpf, {
    kind: 'tc',
    target,
    release: () =>
      place.within(() => {
        for (const offset of [filterLayout.programFd, filterLayout.flags, filterLayout.programId]) {
          filterView.setUint32(offset, 0, true);
        }
        libbpf.number('bpf_tc_detach', hook, filter);
        removeHook();
      }),
  });
}
