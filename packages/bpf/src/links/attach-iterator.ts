import { closeSync, readSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import type { Program } from '../programs/program.ts';
import { describeErrno } from '../sys/errno.ts';
import { type Link, linkOf } from './link.ts';

const pieceBytes = 65_536;
const bytesMaxDefault = 16_777_216;

/** Makes an iterator of a program of section `iter/…`; `readIterator` runs it. Throws `BPF_ATTACH_FAILED`. */
export function attachIterator(program: Program): Link {
  const made = program.libbpf.pointer('bpf_program__attach_iter', program.address, null);
  return linkOf(program.libbpf, made, { kind: 'iterator', target: program.spec.target });
}

/** Runs an iterator once, from its start to its end, and returns what it wrote. Throws `BPF_ITERATOR_FAILED`. */
export function readIterator(
  program: Program,
  link: Link,
  bytesMax: number = bytesMaxDefault,
): Uint8Array {
  const fd = program.libbpf.number('bpf_iter_create', link.fd);
  if (fd < 0) throw failed(link, describeErrno(fd));
  const pieces: Uint8Array[] = [];
  try {
    for (let total = 0; ;) {
      const piece = Buffer.alloc(pieceBytes);
      const count = readSync(fd, piece);
      if (count === 0) return Buffer.concat(pieces);
      total += count;
      if (total > bytesMax) throw failed(link, `it wrote more than ${bytesMax} bytes`);
      pieces.push(piece.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

function failed(link: Link, what: string): BpfError {
  return new BpfError(`read iterator ${link.target}: ${what}`, { code: 'BPF_ITERATOR_FAILED' });
}
