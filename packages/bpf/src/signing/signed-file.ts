import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { KeyObject } from 'node:crypto';
import { messageOf } from '@millrace/stdx';
import { BpfError } from '../errors.ts';
import { type VerifiedObject, verifyObject } from './signature.ts';
import { developmentKey, releaseKeys } from './trusted-keys.ts';

export interface SignedFileOptions {
  /** Instead of the keys of releases. */
  readonly keys?: readonly KeyObject[];
  /** True: the key that everybody has is trusted too, as in a clone. */
  readonly trustsDevelopmentKey?: boolean;
  readonly allowsUnsigned?: boolean;
}

/** Suffix of the file beside an object that holds its signature, in base64. */
export const signatureSuffix = '.sig';

/** Reads an object and the signature beside it, and checks both. Throws as `verifyObject` does, and `BPF_OBJECT_INVALID`. */
export function readSignedObject(
  file: string | URL,
  {
    keys = releaseKeys(),
    trustsDevelopmentKey = false,
    allowsUnsigned = false,
  }: SignedFileOptions = {},
): VerifiedObject {
  const path = typeof file === 'string' ? file : fileURLToPath(file);
  const signaturePath = `${path}${signatureSuffix}`;
  const trusted = trustsDevelopmentKey ? [...keys, developmentKey()] : keys;
  const signature = existsSync(signaturePath)
    ? Buffer.from(readText(signaturePath).trim(), 'base64')
    : undefined;
  return verifyObject(readBytes(path), {
    keys: trusted,
    allowsUnsigned,
    ...(signature === undefined ? {} : { signature }),
  });
}

function readText(path: string): string {
  return readBytes(path).toString('latin1');
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BpfError(`read ${path}: ${messageOf(cause)}`, { code: 'BPF_OBJECT_INVALID', cause });
  }
}
