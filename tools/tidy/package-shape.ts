import { isForTests, type Manifest, type TrackedFile } from './repository.ts';

const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const exampleLineMax = 25;
const stdxLinesMax = 1_000;
const sourceBytesMax = 1_048_576;

/** What a package lacks of the shape that all of them have. */
export function shapeProblems(
  own: string,
  files: readonly TrackedFile[],
  manifest: Manifest,
): readonly string[] {
  const folder = `packages/${own}`;
  const has = (path: string): boolean => files.some((file) => file.path === `${folder}/${path}`);
  const throws = files.some(
    ({ path, text }) =>
      path.startsWith(`${folder}/src/`) && !isForTests(path) && /\bthrow new /.test(text),
  );
  const wanted = ['README.md', 'src/index.ts', ...(throws ? ['src/errors.ts'] : [])];
  return [
    ...wanted.filter((path) => !has(path)).map((path) => `${folder}: lacks ${path}`),
    ...manifestProblems(own, manifest),
    ...readmeProblems(files.find((file) => file.path === `${folder}/README.md`)),
    ...faceProblems(files.find((file) => file.path === `${folder}/src/index.ts`)),
  ];
}

/** Versions that are not exact. */
export function versionProblems(path: string, manifest: Manifest): readonly string[] {
  const all = {
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  };
  return Object.entries(all)
    .filter(([, version]) => !exactVersion.test(version))
    .map(([name, version]) => `${path}: "${name}": "${version}" is not an exact version`);
}

/** Packages that have grown past their bound. */
export function sizeProblems(own: string, sources: readonly TrackedFile[]): readonly string[] {
  const lines = sources.reduce((sum, file) => sum + file.text.split('\n').length, 0);
  const bytes = sources.reduce((sum, file) => sum + Buffer.byteLength(file.text), 0);
  return [
    ...(own === 'stdx' && lines >= stdxLinesMax
      ? [`stdx has ${lines} lines; the bound is ${stdxLinesMax}`]
      : []),
    ...(bytes > sourceBytesMax
      ? [`${own} has ${bytes} bytes of source; the bound is ${sourceBytesMax}`]
      : []),
  ];
}

function manifestProblems(own: string, manifest: Manifest): readonly string[] {
  const face = manifest.exports?.['.'];
  const expected: readonly (readonly [string, unknown, unknown])[] = [
    ['name', manifest.name, `@millrace/${own}`],
    ['type', manifest.type, 'module'],
    ['license', manifest.license, 'Apache-2.0'],
    ['exports["."]["@millrace/source"]', face?.['@millrace/source'], './src/index.ts'],
    ['exports["."].types', face?.['types'], './dist/index.d.ts'],
    ['exports["."].default', face?.['default'], './dist/index.js'],
  ];
  const wrong = expected
    .filter(([, found, wanted]) => found !== wanted)
    .map(
      ([field, found, wanted]) =>
        `packages/${own}/package.json: ${field} is ${String(found)}, not ${String(wanted)}`,
    );
  if (face !== undefined && Object.keys(face)[0] !== '@millrace/source') {
    wrong.push(`packages/${own}/package.json: the condition @millrace/source comes first`);
  }
  if ((manifest.description ?? '') === '')
    wrong.push(`packages/${own}/package.json: lacks a description`);
  const installs = Object.keys(manifest.scripts ?? {}).filter((name) =>
    /^(pre|post)?install$|^prepare$/.test(name),
  );
  return [
    ...wrong,
    ...installs.map((name) => `packages/${own}/package.json: install script "${name}"`),
  ];
}

function readmeProblems(readme: TrackedFile | undefined): readonly string[] {
  if (readme === undefined) return [];
  const start = readme.text.split('\n').slice(0, exampleLineMax).join('\n');
  return start.includes('```')
    ? []
    : [`${readme.path}: no example in the first ${exampleLineMax} lines`];
}

function faceProblems(face: TrackedFile | undefined): readonly string[] {
  if (face === undefined) return [];
  const rest = face.text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/export (?:type )?\{[^}]*\}(?: from '[^']+')?;/g, '')
    .trim();
  return rest === ''
    ? []
    : [`${face.path}: a face holds named re-exports and nothing else: ${rest.split('\n')[0]}`];
}
