import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../../server/bin/millrace.js', import.meta.url));

/** The command line of `millrace` with these arguments, run from its sources. */
export function millraceCommand(...args: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, '--conditions=@millrace/source', program, ...args];
}
