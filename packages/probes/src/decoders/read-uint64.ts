/**
 * A 64-bit number, little endian. Exact up to 2^53, which nanoseconds since the machine's start reach after 104 days; then it
 * rounds to 2 ns.
 */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 4_294_967_296 + view.getUint32(at, true);
}
