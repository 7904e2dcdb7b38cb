import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';

/** What precedes the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The key that objects in the repository are signed by between releases. It is made of this text, so everybody has it: its
 * signatures tell that an object is the committed one, not who made it. Only a clone trusts it, and only when told to.
 */
export function developmentPrivateKey(): KeyObject {
  const seed = createHash('sha256').update('Millrace development key, known to all').digest();
  return createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    format: 'der',
    type: 'pkcs8',
  });
}
