import { equalsText } from './bytes.ts';

/** Headers that frame a message or belong to one connection; the number by which a parser knows each. 0 is any other. */
export const knownField = {
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  expect: 5,
  keepAlive: 6,
  proxyAuthenticate: 7,
  proxyAuthorization: 8,
  proxyConnection: 9,
  te: 10,
  trailer: 11,
  upgrade: 12,
} as const;

const names: readonly string[] = [
  '',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
];

const nameBytesMax = Math.max(...names.map((name) => name.length));
const candidates: readonly (readonly number[])[] = Array.from(
  { length: nameBytesMax + 1 },
  (_, length) => names.flatMap((name, known) => (name.length === length && known > 0 ? known : [])),
);
const none: readonly number[] = [];

/** The number of the header whose name stands at `start`, 0 for one that is none of these. */
export function knownFieldAt(bytes: Uint8Array, start: number, end: number): number {
  const some = candidates[end - start] ?? none;
  for (let at = 0; at < some.length; at++) {
    const known = some[at] as number;
    if (equalsText(bytes, start, names[known] as string)) return known;
  }
  return 0;
}
