import assert from 'node:assert/strict';
import test from 'node:test';
import { dependencyProblems, importProblems, importsOf } from './floors.ts';
import { shapeProblems, sizeProblems, versionProblems } from './package-shape.ts';
import type { Manifest, TrackedFile } from './repository.ts';
import {
  machinePathProblems,
  moduleLevelProblems,
  nameProblems,
  openWorkProblems,
} from './source-rules.ts';

const manifest: Manifest = {
  name: '@millrace/engine',
  version: '0.1.0',
  dependencies: {
    '@millrace/stdx': '0.1.0',
    '@millrace/llama': '0.1.0',
    '@millrace/gateway': '0.1.0',
  },
};

function file(text: string, path = 'packages/engine/src/runner/runner.ts'): TrackedFile {
  return { path, text };
}

function imported(specifier: string): readonly string[] {
  return importProblems(file(`import { one } from '${specifier}';`), manifest);
}

test('allows what stands on floors below and is declared', () => {
  assert.deepEqual(imported('@millrace/llama'), []);
  assert.deepEqual(imported('@millrace/llama/testing'), []);
  assert.deepEqual(imported('node:fs'), []);
  assert.deepEqual(imported('../options.ts'), []);
});

test('refuses what stands on the same floor or above, even when it is declared', () => {
  assert.equal(imported('@millrace/gateway').length, 1);
  assert.equal(imported('@millrace/server').length, 1);
  assert.equal(dependencyProblems('engine', manifest).length, 1);
});

test('refuses what goes around the face, leaves the package or is not declared', () => {
  assert.equal(imported('@millrace/llama/src/model/model.ts').length, 1);
  assert.equal(imported('../../../llama/src/index.ts').length, 1);
  assert.equal(imported('../options').length, 1);
  assert.equal(imported('left-pad').length, 1);
});

test('sees imports of every form, and none in comments', () => {
  const text = `import a from 'one';\nexport { b } from "two";\nawait import('three');\n// from 'four'\n/* from 'five' */`;
  assert.deepEqual(importsOf(text), ['one', 'two', 'three']);
});

test('refuses names that say nothing', () => {
  assert.equal(nameProblems(file('', 'packages/engine/src/string-utils.ts')).length, 1);
  assert.equal(nameProblems(file('export class ModelManager {}')).length, 1);
  assert.equal(nameProblems(file('export const metadata = 1;')).length, 0);
});

test('refuses open work without an issue', () => {
  const mark = ['TO', 'DO'].join('');
  assert.equal(openWorkProblems(file(`// ${mark}: later`)).length, 1);
  assert.equal(openWorkProblems(file(`// ${mark}(#12): later`)).length, 0);
});

test('refuses paths of one machine', () => {
  assert.equal(
    machinePathProblems(file(`const model = '${['', 'home', 'ada', 'model.gguf'].join('/')}';`))
      .length,
    1,
  );
  assert.equal(machinePathProblems(file("get('/v1/models')")).length, 0);
});

test('refuses state and effects at module level', () => {
  const bad = [
    'let count = 0;',
    'const cache = new Map<string, number>();',
    'start();',
    'process.on("exit", stop);',
  ];
  for (const line of bad) assert.equal(moduleLevelProblems(file(line)).length, 1, line);
});

test('allows constants, functions, and text that only looks like a statement', () => {
  const text =
    'const empty: readonly number[] = [];\nfunction run() {\n  let at = 0;\n}\nconst text = `\nstart();\n`;\n';
  assert.deepEqual(moduleLevelProblems(file(text)), []);
});

test('refuses packages of another shape', () => {
  const problems = shapeProblems(
    'engine',
    [file('const x = 1;', 'packages/engine/src/index.ts')],
    manifest,
  );
  assert.ok(problems.some((problem) => problem.includes('README.md')));
  assert.ok(problems.some((problem) => problem.includes('@millrace/source')));
  assert.ok(problems.some((problem) => problem.includes('face')));
});

test('refuses version ranges', () => {
  assert.equal(
    versionProblems('package.json', { ...manifest, dependencies: { one: '^1.2.3' } }).length,
    1,
  );
  assert.equal(
    versionProblems('package.json', { ...manifest, dependencies: { one: '1.2.3' } }).length,
    0,
  );
});

test('refuses a ground floor that grows', () => {
  assert.equal(sizeProblems('stdx', [file('\n'.repeat(1_000))]).length, 1);
  assert.equal(sizeProblems('stdx', [file('\n'.repeat(900))]).length, 0);
});
