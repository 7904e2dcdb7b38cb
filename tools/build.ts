import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../packages/stdx/src/errors.ts';
import { requireNode } from '../packages/server/bin/pinned-node.js';
import { floors } from './tidy/floors.ts';
import type { Manifest } from './tidy/repository.ts';

const tarballBytesMax = 2_097_152;
const testFiles = ['**/*.test.ts', '**/*.peers.ts', '**/*.bench.ts', '**/testing/**'];
const tsc = join('node_modules', 'typescript', 'bin', 'tsc');

interface PackedFile {
  readonly path: string;
}

interface Packed {
  readonly size: number;
  readonly files: readonly PackedFile[];
}

requireNode();
const names = Object.entries(floors)
  .toSorted(([, one], [, other]) => one - other)
  .map(([name]) => name)
  .filter((name) => readManifest(name).private !== true);
try {
  for (const name of names) build(name);
} catch (thrown) {
  process.stderr.write(`${messageOf(thrown)}\n`);
  process.exitCode = 1;
}

/** Compiles a package against the built faces of those below it, then proves that what npm would ship can be imported. */
function build(name: string): void {
  const folder = join('packages', name);
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  const config = join('.cache', 'build', `${name}.json`);
  mkdirSync(join('.cache', 'build'), { recursive: true });
  writeFileSync(config, JSON.stringify(compilerConfig(name)));
  execFileSync(process.execPath, [tsc, '--project', config], { stdio: 'inherit' });
  copyOtherFiles(folder);
  execFileSync(
    process.execPath,
    ['--input-type=module', '--eval', `await import('@millrace/${name}')`],
    {
      stdio: 'inherit',
    },
  );
  const packed = pack(folder);
  const kibibytes = Math.ceil(packed.size / 1024);
  process.stdout.write(`built  ${name}  ${packed.files.length} files, ${kibibytes} KiB packed\n`);
  if (packed.size > tarballBytesMax) {
    throw new Error(`pack ${name}: ${packed.size} bytes exceed the bound of ${tarballBytesMax}`);
  }
  for (const needed of ['README.md', 'dist/index.js', 'dist/index.d.ts']) {
    if (!packed.files.some(({ path }) => path === needed))
      throw new Error(`pack ${name}: lacks ${needed}`);
  }
}

function compilerConfig(name: string): object {
  const folder = `../../packages/${name}`;
  return {
    extends: '../../tsconfig.json',
    compilerOptions: {
      noEmit: false,
      customConditions: [],
      allowImportingTsExtensions: false,
      rootDir: `${folder}/src`,
      outDir: `${folder}/dist`,
    },
    include: [`${folder}/src/**/*.ts`],
    exclude: testFiles.map((glob) => `${folder}/src/${glob}`),
  };
}

/** What is no TypeScript, such as the pages that a server shows, goes along as it is. */
function copyOtherFiles(folder: string): void {
  cpSync(join(folder, 'src'), join(folder, 'dist'), {
    recursive: true,
    filter: (path) => !path.endsWith('.ts') && !/[/\\](testing|fixtures)([/\\]|$)/.test(path),
  });
}

function pack(folder: string): Packed {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(output) as readonly Packed[];
  if (packed === undefined) throw new Error(`pack ${folder}: npm said nothing`);
  return packed;
}

function readManifest(name: string): Manifest {
  return JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8')) as Manifest;
}
