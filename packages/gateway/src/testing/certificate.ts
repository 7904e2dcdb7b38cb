import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { TlsIdentity } from '../tls/tls-identity.ts';

// A certificate in DER (RFC 5280, 4.1): made where it is needed, so that no key lies in the repository.

const tag = {
  boolean: 1,
  integer: 2,
  bits: 3,
  octets: 4,
  oid: 6,
  text: 12,
  time: 24,
  sequence: 0x30,
  set: 0x31,
};
const ecdsaWithSha256 = der(tag.sequence, oid(1, 2, 840, 10_045, 4, 3, 2));
const dnsName = 0x82;

/** A self-signed certificate of a host, for tests. */
export function makeIdentity(
  options: {
    readonly host?: string;
    readonly fromUnixMs?: number;
    readonly toUnixMs?: number;
  } = {},
): TlsIdentity {
  const { host = 'localhost', fromUnixMs = Date.now() - 60_000 } = options;
  const { toUnixMs = fromUnixMs + 86_400_000 } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = der(
    tag.sequence,
    der(tag.set, der(tag.sequence, oid(2, 5, 4, 3), der(tag.text, Buffer.from(host)))),
  );
  const signed = der(
    tag.sequence,
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, Buffer.from([1 + (fromUnixMs % 100)])),
    ecdsaWithSha256,
    name,
    der(tag.sequence, time(fromUnixMs), time(toUnixMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(tag.sequence, subjectNames(host))),
  );
  const cert = der(tag.sequence, signed, ecdsaWithSha256, signature(signed, privateKey));
  return { cert: pem(cert), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function subjectNames(host: string): Buffer {
  const names = der(tag.sequence, der(dnsName, Buffer.from(host)));
  return der(tag.sequence, oid(2, 5, 29, 17), der(tag.octets, names));
}

function signature(signed: Buffer, key: KeyObject): Buffer {
  return der(tag.bits, Buffer.from([0]), sign('sha256', signed, key));
}

function time(unixMs: number): Buffer {
  const text = new Date(unixMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(tag.time, Buffer.from(text));
}

function oid(first: number, second: number, ...others: readonly number[]): Buffer {
  const bytes = others.flatMap((value) => {
    const digits = [value & 0x7f];
    for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f));
    return digits;
  });
  return der(tag.oid, Buffer.from([40 * first + second, ...bytes]));
}

function der(type: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : [0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.from([type, ...head]), content]);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
