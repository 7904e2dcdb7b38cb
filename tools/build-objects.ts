import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { signWhereMissing } from './signing/sign-objects.ts';
import { compileObject, findCompiler, objectOf, objectSources } from './objects/compile-object.ts';

const root = dirname(import.meta.dirname);
const compiler = findCompiler();
if (typeof compiler === 'string') {
  process.stderr.write(`build objects: ${compiler}\n`);
  process.exitCode = 1;
} else {
  for (const source of objectSources(root)) {
    writeFileSync(join(root, objectOf(source)), compileObject(join(root, source), compiler));
    process.stdout.write(`wrote   ${objectOf(source)}\n`);
  }
  // What changed has lost its signature.
  for (const path of signWhereMissing(root)) process.stdout.write(`signed  ${path}\n`);
}
