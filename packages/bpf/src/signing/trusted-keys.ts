import { createPublicKey, type KeyObject } from 'node:crypto';

/**
 * Public keys of releases, in PEM's base64 lines; the oldest first. There is none before the first release: how one is made
 * and kept stands in docs/signing.md.
 */
const releaseKeyLines: readonly string[] = [];

/** Everybody has the private half: see tools/signing/development-key.ts. */
const developmentKeyLine = 'MCowBQYDK2VwAyEALD1HZ9OKHmcxUZ09wqi4C2xi6G4gSSjHZm27EJei6no=';

/** The keys whose signatures are trusted without being told to. */
export function releaseKeys(): readonly KeyObject[] {
  return releaseKeyLines.map(keyOf);
}

/** The key that objects in a clone are signed by between releases. It vouches for nobody. */
export function developmentKey(): KeyObject {
  return keyOf(developmentKeyLine);
}

function keyOf(line: string): KeyObject {
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${line}\n-----END PUBLIC KEY-----\n`);
}
