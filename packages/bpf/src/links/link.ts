import { BpfError } from '../errors.ts';
import { describeErrno } from '../sys/errno.ts';
import type { Libbpf, Pointer } from '../sys/libbpf.ts';

export type LinkKind =
  | 'raw-tracepoint'
  | 'trace'
  | 'tracepoint'
  | 'uprobe'
  | 'uretprobe'
  | 'perf-event'
  | 'cgroup'
  | 'iterator'
  | 'tcx'
  | 'tc';

/** What holds a program to its hook. */
export interface Attachment {
  readonly kind: LinkKind;
  /** What it is attached to, for people: `sched/sched_switch`. */
  readonly target: string;
  /** A file descriptor of the kernel's link; absent where the hook has none (tc). */
  readonly fd?: number;
  /** Detaches, or with `keeps` only lets go of what this process holds. */
  readonly release: (how: 'detaches' | 'keeps') => void;
}

/** A program at its hook. Disposing detaches it, unless it was pinned: then it goes when its pin goes. */
export class Link implements Disposable {
  readonly kind: LinkKind;
  readonly target: string;
  readonly #libbpf: Libbpf;
  readonly #fd: number | undefined;
  readonly #release: Attachment['release'];
  #state: 'attached' | 'pinned' | 'closed' = 'attached';

  constructor(libbpf: Libbpf, { kind, target, fd, release }: Attachment) {
    this.kind = kind;
    this.target = target;
    this.#libbpf = libbpf;
    this.#fd = fd;
    this.#release = release;
  }

  /** Throws `BPF_CLOSED`, and `BPF_ATTACH_FAILED` where the hook has no descriptor. */
  get fd(): number {
    if (this.#state === 'closed') {
      throw new BpfError(`use link to ${this.target}: it was closed`, { code: 'BPF_CLOSED' });
    }
    if (this.#fd !== undefined) return this.#fd;
    throw new BpfError(
      `use link to ${this.target}: a link of kind ${this.kind} has no descriptor`,
      {
        code: 'BPF_ATTACH_FAILED',
      },
    );
  }

  /** Keeps the program attached under a path in bpffs after this process. Throws `BPF_PIN_FAILED`. */
  pin(path: string): void {
    const status = this.#libbpf.number('bpf_obj_pin', this.fd, path);
    if (status < 0) {
      throw new BpfError(`pin link to ${this.target} at ${path}: ${describeErrno(status)}`, {
        code: 'BPF_PIN_FAILED',
      });
    }
    this.#state = 'pinned';
  }

  [Symbol.dispose](): void {
    if (this.#state === 'closed') return;
    const how = this.#state === 'pinned' ? 'keeps' : 'detaches';
    this.#state = 'closed';
    this.#release(how);
  }
}

/** A link that libbpf made; `made` is what its function returned. */
export function linkOf(
  libbpf: Libbpf,
  made: Pointer | number,
  { kind, target }: Pick<Attachment, 'kind' | 'target'>,
): Link {
  if (typeof made === 'number') throw attachFault({ kind, target }, made);
  return new Link(libbpf, {
    kind,
    target,
    fd: libbpf.number('bpf_link__fd', made),
    release: (how) => {
      // libbpf's destroy disables the event behind a probe, which a pinned link still needs.
      if (how === 'keeps') libbpf.number('bpf_link__disconnect', made);
      libbpf.number('bpf_link__destroy', made);
    },
  });
}

/** The fault of an attachment that the kernel or libbpf refused. */
export function attachFault(
  { kind, target }: Pick<Attachment, 'kind' | 'target'>,
  status: number,
): BpfError {
  return new BpfError(`attach ${kind} to ${target}: ${describeErrno(status)}`, {
    code: 'BPF_ATTACH_FAILED',
  });
}
