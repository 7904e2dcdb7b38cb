import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { peerFolder } from './peer-folder.ts';

/** The llama-server that a bench has built, for tests; they build none. */
export function llamaServerForTests(
  model: string,
): { readonly program: string } | { readonly unavailable: string } {
  const root = peerFolder('');
  const folders = existsSync(root) ? readdirSync(root) : [];
  const program = folders
    .map((name) => join(root, name, 'build', 'llama-server'))
    .find((path) => existsSync(path));
  if (program === undefined) return { unavailable: 'llama-server is not built' };
  return existsSync(model)
    ? { program }
    : { unavailable: 'there is no model: millrace models pull' };
}
