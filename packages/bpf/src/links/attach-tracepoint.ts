import { existsSync } from 'node:fs';
import { UnsupportedError } from '@millrace/stdx';
import type { Program } from '../programs/program.ts';
import { allocate } from '../sys/memory.ts';
import { type Link, linkOf } from './link.ts';

/** A number that the program reads by `bpf_get_attach_cookie`. */
export interface CookieOption {
  readonly cookie?: bigint;
}

/** struct bpf_tracepoint_opts, bpf_trace_opts and bpf_perf_event_opts of libbpf 1.1 are alike: size, cookie. */
const optionsBytes = 16;
const tracefsPaths = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** Attaches to a raw tracepoint by name. Throws `BPF_ATTACH_FAILED`. */
export function attachRawTracepoint(program: Program, name: string = program.spec.target): Link {
  const made = program.libbpf.pointer('bpf_program__attach_raw_tracepoint', program.address, name);
  return linkOf(program.libbpf, made, { kind: 'raw-tracepoint', target: name });
}

/** Attaches to what the program's section names by type: `tp_btf/…`, `fentry/…`, `fexit/…`. Throws `BPF_ATTACH_FAILED`. */
export function attachTrace(program: Program, options: CookieOption = {}): Link {
  const made = withCookie(options, (address) =>
    program.libbpf.pointer('bpf_program__attach_trace_opts', program.address, address),
  );
  return linkOf(program.libbpf, made, { kind: 'trace', target: program.spec.target });
}

export interface TracepointOptions extends CookieOption {
  readonly category: string;
  readonly name: string;
}

/** Attaches to a tracepoint. Throws an `UnsupportedError` where tracefs is not mounted, or `BPF_ATTACH_FAILED`. */
export function attachTracepoint(program: Program, options: TracepointOptions): Link {
  const target = `${options.category}/${options.name}`;
  if (!tracefsPaths.some((path) => existsSync(`${path}/events`))) {
    throw new UnsupportedError(
      `attach tracepoint to ${target}: tracefs, which knows the tracepoint's number, is not mounted or not readable`,
      {
        code: 'BPF_TRACEFS_MISSING',
        needs: `tracefs at ${tracefsPaths[0]} and CAP_DAC_READ_SEARCH, or a raw tracepoint instead`,
      },
    );
  }
  const made = withCookie(options, (address) =>
    program.libbpf.pointer(
      'bpf_program__attach_tracepoint_opts',
      program.address,
      options.category,
      options.name,
      address,
    ),
  );
  return linkOf(program.libbpf, made, { kind: 'tracepoint', target });
}

function withCookie<Result>(
  { cookie }: CookieOption,
  attach: (address: bigint | null) => Result,
): Result {
  if (cookie === undefined) return attach(null);
  using options = allocate(optionsBytes);
  const view = new DataView(options.bytes.buffer);
  view.setBigUint64(0, BigInt(optionsBytes), true);
  view.setBigUint64(8, cookie, true);
  return attach(options.address);
}
