import { dirname, join } from 'node:path';
import { isForTests, type Manifest, packageOf, type TrackedFile } from './repository.ts';

/** The floor of each package; it imports only from floors below its own, and packages of one floor do not know each other. */
export const floors: Readonly<Record<string, number>> = {
  stdx: 1,
  // A landing between two floors: `anthropic` is translated into it.
  openai: 1.5,
  bpf: 2,
  routing: 2,
  attribution: 2,
  anthropic: 2,
  telemetry: 2,
  llama: 2,
  engine: 3,
  gateway: 3,
  probes: 3,
  server: 4,
  bench: 5,
};

const publicSubpaths = new Set(['testing', 'admin-api']);
const importForm = /(?:^|[\s;}])(?:from|import)\s*\(?\s*['"]([^'"\s()]+)['"]/g;

/** What is wrong with the imports of a source file of a package. */
export function importProblems(file: TrackedFile, manifest: Manifest): readonly string[] {
  const own = packageOf(file.path);
  if (own === undefined) return [];
  return importsOf(file.text).flatMap((specifier) => {
    const problem = specifier.startsWith('.')
      ? relativeProblem(specifier, { path: file.path, own })
      : packageProblem(specifier, { file, own, manifest });
    return problem === undefined ? [] : [`${file.path}: import '${specifier}': ${problem}`];
  });
}

/** What is wrong with the dependencies that a package declares. */
export function dependencyProblems(own: string, manifest: Manifest): readonly string[] {
  return Object.keys(manifest.dependencies ?? {}).flatMap((name) => {
    const other = /^@millrace\/(.+)$/.exec(name)?.[1];
    if (other === undefined || isBelow(other, own)) return [];
    return [`packages/${own}/package.json: "${name}" is not on a floor below`];
  });
}

/** Every module that a source names, in `import`, `export from` and `import()`. */
export function importsOf(text: string): readonly string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
  return Array.from(code.matchAll(importForm), (match) => match[1] ?? '');
}

function relativeProblem(
  specifier: string,
  from: { path: string; own: string },
): string | undefined {
  if (!/\.(ts|js|mjs|json)$/.test(specifier)) return 'a relative import ends in its file extension';
  const target = join(dirname(from.path), specifier);
  if (!target.startsWith(`packages/${from.own}/`)) return 'it leaves the package: import by name';
  return undefined;
}

interface Importer {
  readonly file: TrackedFile;
  readonly own: string;
  readonly manifest: Manifest;
}

function packageProblem(specifier: string, { file, own, manifest }: Importer): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  const name = /^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[1] ?? specifier;
  const other = /^@millrace\/(.+)$/.exec(name)?.[1];
  if (other !== undefined) {
    if (!isBelow(other, own)) return `${other} is not on a floor below ${own}`;
    const subpath = specifier.slice(name.length + 1);
    if (subpath !== '' && !publicSubpaths.has(subpath)) return 'import the face of the package';
  }
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies };
  if (isForTests(file.path))
    Object.assign(declared, manifest.devDependencies, { 'fast-check': '' });
  return Object.hasOwn(declared, name)
    ? undefined
    : `${name} is not among the dependencies of ${own}`;
}

function isBelow(other: string, own: string): boolean {
  const [otherFloor, ownFloor] = [floors[other], floors[own]];
  return otherFloor !== undefined && ownFloor !== undefined && otherFloor < ownFloor;
}
