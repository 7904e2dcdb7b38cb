import { attachTrace, attachUprobe, type Link } from '@millrace/bpf';
import { messageOf } from '@millrace/stdx';
import { type LoadedProbe, ProbeObject } from './probe-object.ts';
import { RingProbe } from './ring-probe.ts';
import type { UserSpaceFilter } from './watch-filter.ts';

/** Where a process has OpenSSL: a library, or its own program where it is linked in. */
export interface TlsPlace {
  /** Every process that uses the file, those among them that start later, where it is absent. */
  readonly pid?: number;
  readonly path: string;
}

interface Hook {
  readonly program: string;
  readonly symbol: string;
  readonly isReturn: boolean;
}

const hooks: readonly Hook[] = [
  { program: 'on_read', symbol: 'SSL_read', isReturn: false },
  { program: 'on_read_done', symbol: 'SSL_read', isReturn: true },
  { program: 'on_write', symbol: 'SSL_write', isReturn: false },
  { program: 'on_write_done', symbol: 'SSL_write', isReturn: true },
  { program: 'on_read_extended', symbol: 'SSL_read_ex', isReturn: false },
  { program: 'on_read_done', symbol: 'SSL_read_ex', isReturn: true },
  { program: 'on_write_extended', symbol: 'SSL_write_ex', isReturn: false },
  { program: 'on_write_done', symbol: 'SSL_write_ex', isReturn: true },
  { program: 'on_free', symbol: 'SSL_free', isReturn: false },
];

/**
 * What passes through OpenSSL in watched processes, in the form of the sockets probe's events. They are watched from when
 * `watchTls` adds them, or the file that they use. Throws what @millrace/bpf throws.
 */
export function openTlsProbe({ isFilteredByProcess = false }: UserSpaceFilter = {}): LoadedProbe {
  const object = new ProbeObject({
    name: 'tls',
    constants: { is_filtered_by_process: isFilteredByProcess ? 1 : 0 },
    prepare: () => undefined,
    // The others are attached to each process.
    attach: (loaded, program) =>
      program === 'on_socket_receive' ? [attachTrace(loaded.program(program))] : [],
  });
  return new RingProbe('tls', object);
}

/** Watches a process, or all that use a file; where the file lacks OpenSSL's calls, the answer is why it cannot be. */
export function watchTls({ parts }: LoadedProbe, { pid, path }: TlsPlace): string | undefined {
  const links: Link[] = [];
  try {
    for (const { program, symbol, isReturn } of hooks) {
      const place = { path, symbol, isReturn, ...(pid === undefined ? {} : { pid }) };
      links.push(attachUprobe(parts.loaded.program(program), place));
    }
  } catch (error) {
    for (const link of links) link[Symbol.dispose]();
    return messageOf(error);
  }
  parts.keep(links);
  return undefined;
}
