import { assert } from '@millrace/stdx';
import koffi from 'koffi';
import type { Pointer } from './libbpf.ts';
import type { Libc, MappedRange } from './libc.ts';

/** Native memory of our own: its address stays the same until it is disposed. */
export interface NativeBlock extends Disposable {
  readonly address: Pointer;
  readonly bytes: Uint8Array;
}

/** Allocates native memory, zeroed. Views of it fail by a TypeError once it is disposed. */
export function allocate(byteLength: number): NativeBlock {
  assert(byteLength > 0, `allocate ${byteLength} bytes`);
  const address = koffi.alloc('uint8_t', byteLength) as Pointer;
  const buffer = koffi.view(address, byteLength);
  const bytes = new Uint8Array(buffer);
  bytes.fill(0);
  return {
    address,
    bytes,
    [Symbol.dispose]: () => {
      if (buffer.detached) return;
      detach(buffer);
      koffi.free(address);
    },
  };
}

/** Native memory that holds a string and its end. */
export function allocateText(text: string): NativeBlock {
  const encoded = Buffer.from(`${text}\0`, 'utf8');
  const block = allocate(encoded.byteLength);
  block.bytes.set(encoded);
  return block;
}

/** Bytes at an address that somebody else owns; valid as long as they keep them. */
export function bytesAt(address: Pointer, byteLength: number): Uint8Array {
  return new Uint8Array(koffi.view(address, byteLength));
}

/** A file's pages in memory; once disposed, views fail by a TypeError instead of reaching unmapped pages. */
export interface Mapping extends Disposable {
  readonly buffer: ArrayBuffer;
}

/** Maps a file; a negative errno where the kernel refuses. */
export function mapFile(libc: Libc, fd: number, range: MappedRange): Mapping | number {
  const address = libc.mapShared(fd, range);
  if (typeof address === 'number') return address;
  const buffer = koffi.view(address, range.byteLength);
  return {
    buffer,
    [Symbol.dispose]: () => {
      if (buffer.detached) return;
      detach(buffer);
      libc.unmap(address, range.byteLength);
    },
  };
}

function detach(buffer: ArrayBuffer): void {
  buffer.transfer();
}
