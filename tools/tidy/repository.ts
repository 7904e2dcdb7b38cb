import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const textExtensions = new Set([
  '.ts',
  '.js',
  '.mjs',
  '.json',
  '.md',
  '.yaml',
  '.yml',
  '.css',
  '.html',
  '',
]);

/** A file that git tracks, with its text. */
export interface TrackedFile {
  readonly path: string;
  readonly text: string;
}

/** A package.json, as far as the rules read it. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Every text file of the repository that git tracks. */
export function readTrackedFiles(): readonly TrackedFile[] {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\0')
    .filter(
      (path) => path !== '' && textExtensions.has(extname(path)) && existsSync(join(root, path)),
    )
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Names of the packages, taken from where their package.json stands. */
export function packageNames(files: readonly TrackedFile[]): readonly string[] {
  return files.flatMap(({ path }) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1] ?? []);
}

export function readManifest(files: readonly TrackedFile[], path: string): Manifest {
  const file = files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`read manifest: git tracks no ${path}`);
  return JSON.parse(file.text) as Manifest;
}

/** The package that a file belongs to, if any. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** Whether a file is for tests or measurements only. */
export function isForTests(path: string): boolean {
  return /\.(test|bench|peers)\.ts$/.test(path) || path.includes('/testing/');
}
