const name = (text: string): readonly number[] => [text.length, ...Buffer.from(text)];
const section = (id: number, content: readonly number[]): readonly number[] => [
  id,
  content.length,
  ...content,
];

/** Pages of 64 KB: room for a text of 1 MB, of which the system gives what is touched. */
const pageCount = 16;
const block = [0x02, 0x40];
const loop = [0x03, 0x40];
const end = 0x0b;
const at = 0;
const until = 1;
const bytes = 2;
const quotes = 3;
const backslashes = 4;
const spaces = 5;
const stops = 6;
const get = (local: number): readonly number[] => [0x20, local];
const set = (local: number): readonly number[] => [0x21, local];
const tee = (local: number): readonly number[] => [0x22, local];
/** i32.const of 0 to 127 in signed LEB128, i8x16.splat. */
const splat = (byte: number): readonly number[] => [0x41, byte | 0x80, 0x00, 0xfd, 0x0f];
/** i32.const 16, i32.add */
const addSixteen = [0x41, 0x10, 0x6a];
const equal = [0xfd, 0x23];
const below = [0xfd, 0x26];
const or = [0xfd, 0x50];

/**
 *     (func (export "skip") (param $at i32) (param $until i32) (result i32)
 *       (loop while $at + 16 <= $until
 *         $stops = bits of the bytes at $at that are a quote, a backslash, or below a space
 *         if $stops return $at + the lowest of them
 *         $at += 16)
 *       $at)
 */
const body = [
  // Four locals of v128, one of i32.
  ...[2, 4, 0x7b, 1, 0x7f],
  ...[...splat(0x22), ...set(quotes)],
  ...[...splat(0x5c), ...set(backslashes)],
  ...[...splat(0x20), ...set(spaces)],
  ...[...block, ...loop],
  // i32.gt_u, br_if out of the block
  ...[...get(at), ...addSixteen, ...get(until), 0x4b, 0x0d, 1],
  // v128.load, aligned to nothing
  ...[...get(at), 0xfd, 0x00, 0, 0, ...tee(bytes), ...get(quotes), ...equal],
  ...[...get(bytes), ...get(backslashes), ...equal, ...or],
  ...[...get(bytes), ...get(spaces), ...below, ...or],
  // i8x16.bitmask, if
  ...[0xfd, 0x64, ...tee(stops), 0x04, 0x40],
  // i32.ctz, i32.add, return
  ...[...get(at), ...get(stops), 0x68, 0x6a, 0x0f, end],
  // br to the loop's start
  ...[...get(at), ...addSixteen, ...set(at), 0x0c, 0, end, end],
  ...[...get(at), end],
];

/**
 * A WebAssembly module of one function over memory of its own: JavaScript looks at four bytes a step at most, this at
 * sixteen. Format: https://webassembly.github.io/spec/core/binary/.
 */
export const skipPlainModule: Uint8Array<ArrayBuffer> = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  // Types: (i32, i32) -> i32; functions: one of it; memories: one that does not grow.
  ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f]),
  ...section(3, [1, 0]),
  ...section(5, [1, 1, pageCount, pageCount]),
  ...section(7, [2, ...name('skip'), 0, 0, ...name('room'), 2, 0]),
  ...section(10, [1, body.length, ...body]),
]);
