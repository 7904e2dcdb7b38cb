type Slice = (this: Uint8Array, from: number, to: number) => string;

// What Buffer's toString calls for latin1: any array of bytes may be its `this`, and none is made.
const { latin1Slice } = Buffer.prototype as unknown as { readonly latin1Slice: Slice };

/** Bytes from one place to another as a string, a character each. Hot path: several times an event. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return from >= to ? '' : latin1Slice.call(bytes, from, to);
}
