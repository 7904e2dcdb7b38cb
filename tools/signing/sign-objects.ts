import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  developmentKey,
  keyIdOf,
  readSignedObject,
  releaseKeys,
  signObject,
} from '../../packages/bpf/src/index.ts';
import { messageOf } from '../../packages/stdx/src/errors.ts';
import { objectOf, objectSources } from '../objects/compile-object.ts';
import { developmentPrivateKey } from './development-key.ts';

/** Paths of all objects, from the root of the repository. */
export function objectPaths(root: string): readonly string[] {
  return objectSources(root).map(objectOf);
}

/** Writes the signature of an object beside it. */
function signFile(path: string, privateKey: KeyObject): void {
  const signature = Buffer.from(signObject(readFileSync(path), privateKey)).toString('base64');
  writeFileSync(`${path}.sig`, `${signature}\n`);
}

/** Signs every object whose signature the key did not make; which ones. */
export function signAll(root: string, privateKey: KeyObject): readonly string[] {
  const keys = [createPublicKey(privateKey)];
  return objectPaths(root).filter((path) => {
    const file = join(root, path);
    if (isSignedBy(file, keys)) return false;
    signFile(file, privateKey);
    return true;
  });
}

/** Signs by the development key what no key vouches for; which objects. */
export function signWhereMissing(root: string): readonly string[] {
  return objectPaths(root).filter((path) => {
    const file = join(root, path);
    if (isSignedBy(file, [...releaseKeys(), developmentKey()])) return false;
    signFile(file, developmentPrivateKey());
    return true;
  });
}

/** What is wrong with the signatures of the committed objects; `release`: only keys of releases count. */
export function signatureProblems(root: string, which: 'any' | 'release'): readonly string[] {
  return objectPaths(root).flatMap((path) => {
    try {
      readSignedObject(join(root, path), { trustsDevelopmentKey: which === 'any' });
      return [];
    } catch (error) {
      return [`${path}: ${messageOf(error)}`];
    }
  });
}

/** The id of a private key's public half. */
export function keyIdOfPrivate(privateKey: KeyObject): string {
  return keyIdOf(createPublicKey(privateKey));
}

function isSignedBy(path: string, keys: readonly KeyObject[]): boolean {
  try {
    return readSignedObject(path, { keys }).kind === 'signed';
  } catch {
    return false;
  }
}
