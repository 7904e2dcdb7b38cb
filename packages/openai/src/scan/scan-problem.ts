import type { JsonProblem, JsonProblemCode } from './json-cursor.ts';

/** Why a body is not taken. */
export type ScanProblemCode =
  | JsonProblemCode
  | 'byte_order_mark'
  | 'not_an_object'
  | 'not_utf8'
  | 'trailing_bytes';

/** What is wrong with a body, and where. */
export interface ScanProblem {
  readonly code: ScanProblemCode;
  readonly byteOffset: number;
  /** The top-level field in which it is; absent where it is in none. */
  readonly field?: string;
  /** A clause that says all this, without a full stop. */
  readonly message: string;
}

/** Characters of a field's name that a message quotes. */
const nameCharactersMax = 64;

/** The problem of a text's grammar, told of a body. */
export function grammarProblem(body: Buffer, problem: JsonProblem, name?: string): ScanProblem {
  const { code, byteOffset, expected } = problem;
  const what = code === 'unexpected_end' ? 'it ends' : `there is ${byteAt(body, byteOffset)}`;
  const where = `at byte ${byteOffset}${name === undefined ? '' : `, in ${quoteName(name)},`}`;
  const message = `${where} ${what} where ${expected} must stand`;
  return { code, byteOffset, message, ...(name !== undefined && { field: shorten(name) }) };
}

function byteAt(body: Buffer, byteOffset: number): string {
  const byte = body[byteOffset] ?? 0;
  if (byte > 0x20 && byte < 0x7f) return JSON.stringify(String.fromCharCode(byte));
  return `the byte 0x${byte.toString(16).padStart(2, '0')}`;
}

function quoteName(name: string): string {
  return JSON.stringify(shorten(name));
}

function shorten(name: string): string {
  return name.length <= nameCharactersMax ? name : `${name.slice(0, nameCharactersMax)}…`;
}
