import { createPrivateKey, X509Certificate } from 'node:crypto';
import { messageOf } from '@millrace/stdx';
import { GatewayError } from '../errors.ts';

/** By what clients know a server: both as PEM texts, the certificate with those that lead to its root behind it. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What is told of a certificate that is in use. */
export interface CheckedIdentity {
  readonly subject: string;
  readonly validToUnixMs: number;
}

/** Checks that a certificate and its key belong together and hold at this time. Throws `GATEWAY_TLS_INVALID`. */
export function checkIdentity({ cert, key }: TlsIdentity, unixMs: number): CheckedIdentity {
  const certificate = read('certificate', () => new X509Certificate(cert));
  const privateKey = read('key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw invalid('the key is not that of the certificate');
  const { validFromDate, validToDate } = certificate;
  const shown = `${validFromDate.toISOString()} to ${validToDate.toISOString()}`;
  if (unixMs < validFromDate.getTime() || unixMs > validToDate.getTime())
    throw invalid(`the certificate holds from ${shown}, which is not now`);
  const subject = certificate.subjectAltName ?? certificate.subject.replaceAll('\n', ', ');
  return { subject, validToUnixMs: validToDate.getTime() };
}

function read<T>(what: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw invalid(`the ${what} is no PEM text that can be read: ${messageOf(error)}`, error);
  }
}

function invalid(reason: string, cause?: unknown): GatewayError {
  return new GatewayError(`serve TLS: ${reason}`, { code: 'GATEWAY_TLS_INVALID', cause });
}
