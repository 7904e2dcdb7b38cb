import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { BpfError } from '../errors.ts';

/** What was found out about the origin of an object's bytes. */
export interface Provenance {
  readonly kind: 'signed' | 'unsigned';
  /** SHA-256 of the bytes, in hex. */
  readonly objectHash: string;
  /** Id of the key that signed them; absent where nobody did. */
  readonly keyId?: string;
}

export interface VerifyOptions {
  /** Ed25519 over the whole object. */
  readonly signature?: Uint8Array;
  readonly keys?: readonly KeyObject[];
  /** True: an object without a signature is accepted. A wrong signature never is. */
  readonly allowsUnsigned?: boolean;
}

const signatureBytes = 64;

/** Bytes that were checked, with what was found out about them. Only `verifyObject` makes one. */
export class VerifiedObject implements Provenance {
  readonly kind: Provenance['kind'];
  readonly objectHash: string;
  declare readonly keyId?: string;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, provenance: Provenance) {
    this.#bytes = bytes;
    this.kind = provenance.kind;
    this.objectHash = provenance.objectHash;
    if (provenance.keyId !== undefined) this.keyId = provenance.keyId;
  }

  /** The bytes that were checked: a copy, which nobody who held the first ones can change. */
  copyBytes(): Uint8Array {
    return this.#bytes.slice();
  }
}

/** Id of a public key: SHA-256 of its DER form, in hex. */
export function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** Signs an object's bytes by an Ed25519 private key. */
export function signObject(bytes: Uint8Array, privateKey: KeyObject): Uint8Array {
  requireEd25519(privateKey);
  return sign(null, bytes, privateKey);
}

/**
 * Checks a copy of the bytes, which is what `loadObject` loads. Throws `BPF_SIGNATURE_MISSING` for an object that nobody
 * signed, unless that is allowed, and `BPF_SIGNATURE_INVALID` where none of the keys made the signature.
 */
export function verifyObject(bytes: Uint8Array, options: VerifyOptions): VerifiedObject {
  const copy = Uint8Array.from(bytes);
  return new VerifiedObject(copy, findProvenance(copy, options));
}

function findProvenance(bytes: Uint8Array, options: VerifyOptions): Provenance {
  const objectHash = createHash('sha256').update(bytes).digest('hex');
  const { signature } = options;
  if (signature === undefined) {
    if (options.allowsUnsigned === true) return { kind: 'unsigned', objectHash };
    throw new BpfError(`verify object ${objectHash}: it has no signature`, {
      code: 'BPF_SIGNATURE_MISSING',
    });
  }
  const keys = options.keys ?? [];
  for (const key of keys) requireEd25519(key);
  const key =
    signature.byteLength === signatureBytes
      ? keys.find((candidate) => verify(null, bytes, candidate, signature))
      : undefined;
  if (key === undefined) {
    throw new BpfError(
      `verify object ${objectHash}: its signature of ${signature.byteLength} bytes was made by none of ` +
        `${keys.length} keys (${keys.map(keyIdOf).join(', ')})`,
      { code: 'BPF_SIGNATURE_INVALID' },
    );
  }
  return { kind: 'signed', objectHash, keyId: keyIdOf(key) };
}

function requireEd25519(key: KeyObject): void {
  if (key.asymmetricKeyType === 'ed25519') return;
  throw new BpfError(
    `take a key: it is of type ${key.asymmetricKeyType ?? key.type}, not ed25519`,
    {
      code: 'BPF_SIGNATURE_INVALID',
    },
  );
}
