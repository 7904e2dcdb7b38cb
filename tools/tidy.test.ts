import assert from 'node:assert/strict';
import test from 'node:test';
import { pinnedPackages, pinnedVersion } from '../packages/server/bin/pinned-node.js';
import { dependencyProblems, floors, importProblems } from './tidy/floors.ts';
import { shapeProblems, sizeProblems, versionProblems } from './tidy/package-shape.ts';
import {
  isForTests,
  packageNames,
  packageOf,
  readManifest,
  readTrackedFiles,
} from './tidy/repository.ts';
import {
  machinePathProblems,
  moduleLevelProblems,
  nameProblems,
  openWorkProblems,
} from './tidy/source-rules.ts';

const files = readTrackedFiles();
const names = packageNames(files);
const sources = files.filter(({ path }) => /^packages\/[^/]+\/(src|bin)\/.*\.(ts|js)$/.test(path));
// What starts a thread or a process happens on import by its nature.
const isEntry = /\.(worker|entry)\.ts$/;

function none(problems: readonly string[]): void {
  assert.deepEqual(problems, [], `\n${problems.join('\n')}\n`);
}

test('the rules have read the repository', () => {
  assert.ok(files.length >= 50, `git tracks ${files.length} text files`);
  assert.ok(sources.length >= 30, `git tracks ${sources.length} sources of packages`);
});

test('every package has a floor, and every floor a package', () => {
  assert.deepEqual([...names].toSorted(), Object.keys(floors).toSorted());
});

test('packages import by name, through the face, from floors below', () => {
  none(
    sources.flatMap((file) => {
      const manifest = readManifest(files, `packages/${packageOf(file.path)}/package.json`);
      return importProblems(file, manifest);
    }),
  );
});

test('packages depend on floors below', () => {
  none(
    names.flatMap((own) =>
      dependencyProblems(own, readManifest(files, `packages/${own}/package.json`)),
    ),
  );
});

test('only the folders for native calls load the foreign function interface', () => {
  const native = /^packages\/(llama\/src\/(abi|library)|bpf\/src\/sys)\//;
  none(
    sources
      .filter(({ path, text }) => /from 'koffi'/.test(text) && !native.test(path))
      .map(({ path }) => path),
  );
});

test('no folder inside a package has a face of its own', () => {
  none(
    sources
      .map(({ path }) => path)
      .filter(
        (path) => /\/src\/.+\/index\.ts$/.test(path) && !path.endsWith('/src/testing/index.ts'),
      ),
  );
});

test('names say something', () => {
  none(sources.flatMap(nameProblems));
});

test('open work names its issue', () => {
  none(
    files
      .filter(({ path }) => /\.(ts|js|mjs)$/.test(path) && !path.startsWith('tools/tidy'))
      .flatMap(openWorkProblems),
  );
});

test('no file holds a path of one machine', () => {
  none(files.filter(({ path }) => path !== 'package-lock.json').flatMap(machinePathProblems));
});

test('nothing happens on import, and no module holds state', () => {
  none(
    sources
      .filter(({ path }) => path.includes('/src/') && path.endsWith('.ts'))
      .filter(({ path }) => !isForTests(path) && !isEntry.test(path))
      .flatMap(moduleLevelProblems),
  );
});

test('every package has the same shape', () => {
  none(
    names.flatMap((own) =>
      shapeProblems(own, files, readManifest(files, `packages/${own}/package.json`)),
    ),
  );
});

test('every version is exact', () => {
  const manifests = files
    .map(({ path }) => path)
    .filter((path) => /(^|\/)package\.json$/.test(path));
  none(manifests.flatMap((path) => versionProblems(path, readManifest(files, path))));
});

test('no package grows past its bound', () => {
  none(
    names.flatMap((own) =>
      sizeProblems(
        own,
        sources.filter(({ path }) => packageOf(path) === own && !isForTests(path)),
      ),
    ),
  );
});

test('the packages with the binary of Node have the pinned version', () => {
  const found = readManifest(files, 'package.json').optionalDependencies ?? {};
  const wanted = Object.fromEntries(
    Object.values(pinnedPackages).map((name) => [name, pinnedVersion]),
  );
  assert.deepEqual(found, wanted);
});
