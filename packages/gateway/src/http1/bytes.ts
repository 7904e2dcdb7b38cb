export const tab = 0x09;
export const lineFeed = 0x0a;
export const carriageReturn = 0x0d;
export const space = 0x20;
export const colon = 0x3a;
export const semicolon = 0x3b;
export const equals = 0x3d;
export const quote = 0x22;

/** A table of the bytes in `text`. */
function tableOf(text: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(text, 'latin1')) table[byte] = 1;
  return table;
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const digits = '0123456789';

/** Bytes of a token in lower case, 0 for all others (RFC 9110, 5.6.2). */
export const tokenBytes: Uint8Array = tableOf(`!#$%&'*+-.^_\`|~${digits}${letters}`).map(
  (isToken, byte) => (isToken === 0 ? 0 : byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte),
);

/** Bytes of a header's value: no control character but the tab (RFC 9110, 5.5). */
export const valueBytes: Uint8Array = new Uint8Array(256).map((_, byte) =>
  byte === tab || (byte >= space && byte !== 0x7f) ? 1 : 0,
);

/** Bytes of a target: those of a URI without a fragment (RFC 3986, 2). */
export const targetBytes: Uint8Array = tableOf(`-._~%!$&'()*+,;=:@/?[]${digits}${letters}`);

/** Bytes of a host and port. */
export const hostBytes: Uint8Array = tableOf(`-._~%!$&'()*+,;=:[]${digits}${letters}`);

/** Values of hexadecimal digits, 255 for all others. */
export const hexValues: Uint8Array = new Uint8Array(256).map((_, byte) => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 255;
});

/** Whether bytes are `text`, which is in lower case, however they are written. */
export function equalsText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const byte = bytes[start + at] as number;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== text.charCodeAt(at)) return false;
  }
  return true;
}
