import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** The compiler that the committed objects were made by; another version makes other bytes. */
export const compilerMajor = 14;

/**
 * Names of include folders and paths must not show in the objects: the compiler runs where the source is, and the
 * debugging sections, which alone would name paths, are stripped.
 */
const flags = [
  '-O2',
  '-g',
  '-target',
  'bpf',
  '-mcpu=v3',
  '-D__TARGET_ARCH_x86',
  '-Wall',
  '-Werror',
];
const headerFolders = ['/usr/include/x86_64-linux-gnu', '/usr/include/aarch64-linux-gnu'];

/** The sources of all objects, from the root of the repository. */
export function objectSources(root: string): readonly string[] {
  return globSync('packages/*/{bpf,fixtures}/*.bpf.c', { cwd: root }).toSorted();
}

/** Path of the object that is made of a source. */
export function objectOf(source: string): string {
  return source.replace(/\.c$/, '.o');
}

/** The compiler and the stripper of the wanted version, or why there are none. */
export function findCompiler(): { readonly clang: string; readonly strip: string } | string {
  for (const suffix of [`-${compilerMajor}`, '']) {
    const [clang, strip] = [`clang${suffix}`, `llvm-strip${suffix}`];
    const { status, stdout } = spawnSync(clang, ['--version'], { encoding: 'utf8' });
    const isWanted = status === 0 && new RegExp(`version ${compilerMajor}\\.`).test(stdout);
    if (!isWanted || spawnSync(strip, ['--version']).status !== 0) continue;
    if (!existsSync('/usr/include/bpf/bpf_helpers.h')) return 'libbpf-dev is not installed';
    return { clang, strip };
  }
  return `clang ${compilerMajor} with llvm-strip is not installed`;
}

/** Compiles a source and returns the object's bytes. Throws what the compiler says. */
export function compileObject(
  source: string,
  { clang, strip }: { readonly clang: string; readonly strip: string },
): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-object-'));
  try {
    const object = join(folder, objectOf(basename(source)));
    const cwd = dirname(source);
    const includes = headerFolders.filter((path) => existsSync(path)).map((path) => `-I${path}`);
    const places = [`-ffile-prefix-map=${cwd}=.`, '-fdebug-compilation-dir=.'];
    const args = [...flags, ...includes, ...places, '-c', basename(source), '-o', object];
    execFileSync(clang, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
    execFileSync(strip, ['-g', object]);
    return readFileSync(object);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
