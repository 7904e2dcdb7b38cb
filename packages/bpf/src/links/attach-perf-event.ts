import { closeSync } from 'node:fs';
import type { Program } from '../programs/program.ts';
import { openLibc } from '../sys/libc.ts';
import { attachFault, type Link, linkOf } from './link.ts';

/** An event that the kernel samples (linux/perf_event.h, struct perf_event_attr). */
export interface PerfEventOptions {
  /** enum perf_type_id: 0 hardware, 1 software. */
  readonly type: number;
  /** For software events, enum perf_sw_ids: 0 is the processor's clock. */
  readonly config: number;
  /** Samples a second. */
  readonly hertz: number;
  /** Only this process; all of them where it is absent. */
  readonly pid?: number;
  /** Only this processor; needed where no process is given. */
  readonly cpu?: number;
}

/** Offsets in struct perf_event_attr, and the bit that makes a period a frequency. */
const layout = { byteLength: 112, size: 4, config: 8, period: 16, flags: 40 } as const;
const frequencyFlag = 1n << 10n;
const all = -1;

/** Runs a program at each sample of an event. Throws `BPF_ATTACH_FAILED`. */
export function attachPerfEvent(program: Program, options: PerfEventOptions): Link {
  const { type, config, hertz, pid = all, cpu = all } = options;
  const attributes = new Uint8Array(layout.byteLength);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(layout.size, layout.byteLength, true);
  view.setBigUint64(layout.config, BigInt(config), true);
  view.setBigUint64(layout.period, BigInt(hertz), true);
  view.setBigUint64(layout.flags, frequencyFlag, true);
  const where = { kind: 'perf-event', target: `event ${type}:${config}` } as const;
  const event = openLibc().openPerfEvent(attributes, { pid, cpu });
  if (event < 0) throw attachFault(where, event);
  const made = program.libbpf.pointer(
    'bpf_program__attach_perf_event_opts',
    program.address,
    event,
    null,
  );
  // A link that was made owns the event.
  if (typeof made === 'number') closeSync(event);
  return linkOf(program.libbpf, made, where);
}
