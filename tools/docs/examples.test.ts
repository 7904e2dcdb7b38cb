import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const exampleForm = /^```ts\n([\s\S]*?)^```/gm;

/** A folder in the clone, so that examples find the packages; it goes with the test. */
class ExampleFolder implements Disposable {
  readonly path: string;

  constructor() {
    mkdirSync(join(root, '.cache'), { recursive: true });
    this.path = mkdtempSync(join(root, '.cache', 'examples-'));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

test("the examples of the packages' READMEs compile", () => {
  using folder = new ExampleFolder();
  let count = 0;
  for (const path of globSync('packages/*/README.md', { cwd: root })) {
    const examples = readFileSync(join(root, path), 'utf8').matchAll(exampleForm);
    for (const [, example = ''] of examples) {
      const name = `${basename(dirname(path))}-${count++}.ts`;
      // An example without imports is a script to the compiler; it is meant as a module.
      writeFileSync(join(folder.path, name), `${example}\nexport {};\n`);
    }
  }
  assert.ok(count >= 2, `${count} examples were found`);
  const config = join(folder.path, 'tsconfig.json');
  const compilerOptions = {
    isolatedDeclarations: false,
    declaration: false,
    noUnusedLocals: false,
  };
  writeFileSync(
    config,
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] }),
  );
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '--project', config], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});
