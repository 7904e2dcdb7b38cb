import koffi from 'koffi';
import type { Pointer } from './functions.ts';

/** Native memory of our own; freed when disposed. */
export interface NativeBlock extends Disposable {
  readonly address: Pointer;
  readonly bytes: ArrayBuffer;
}

/** Allocates native memory, zeroed. */
export function allocate(byteCount: number): NativeBlock {
  const address = koffi.alloc('uint8_t', byteCount) as Pointer;
  const bytes = koffi.view(address, byteCount);
  new Uint8Array(bytes).fill(0);
  return { address, bytes, [Symbol.dispose]: () => koffi.free(address) };
}

/** Floats in native memory; a view, valid as long as the memory is. */
export function floatsAt(address: Pointer, length: number): Float32Array {
  return new Float32Array(koffi.view(address, length * Float32Array.BYTES_PER_ELEMENT));
}

export function int32sAt(address: Pointer, length: number): Int32Array {
  return new Int32Array(koffi.view(address, length * Int32Array.BYTES_PER_ELEMENT));
}

export function int8sAt(address: Pointer, length: number): Int8Array {
  return new Int8Array(koffi.view(address, length));
}

export function addressesAt(address: Pointer, length: number): BigUint64Array {
  return new BigUint64Array(koffi.view(address, length * BigUint64Array.BYTES_PER_ELEMENT));
}
