// Plain JavaScript that Node 18 can run: brings what is missing, then runs the asked task with the pinned Node.
// Usage: node tools/setup.mjs [task [arguments...]]; without a task it only sets up.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  continueAs,
  findPinnedNode,
  pinnedPackages,
  pinnedVersion,
} from '../packages/server/bin/pinned-node.js';
import { installPackages } from './setup/install-packages.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampPath = join(root, 'node_modules', '.millrace-setup');

const tasks = {
  start: ['packages/server/bin/millrace.js', 'up'],
  test: ['tools/run-tests.ts'],
  check: ['tools/check.ts'],
  build: ['tools/build.ts'],
  bench: ['packages/server/bin/millrace.js', 'bench'],
};

const [task, ...args] = process.argv.slice(2);
try {
  await setUp(task);
} catch (error) {
  process.stderr.write(`\nmillrace cannot be set up.\n${error.message}\n`);
  process.exit(1);
}

async function setUp(name) {
  if (name !== undefined && !Object.hasOwn(tasks, name)) {
    throw new Error(`There is no task "${name}"; there are: ${Object.keys(tasks).join(', ')}.`);
  }
  refuseUnsupported();
  if (!isInstalled()) {
    await installPackages({ root, isDone: isInstalled, markDone });
  }
  const binary = findPinnedNode(root);
  if (binary === undefined) {
    throw new Error(
      `The package ${packageHere()} with Node ${pinnedVersion} is not in node_modules although the packages are installed; npm ` +
        'leaves an optional package out when its download fails.\nMend: remove the folder node_modules and start again.',
    );
  }
  if (name === undefined) return;
  const command = ['--conditions=@millrace/source', ...tasks[name], ...args];
  process.chdir(root);
  continueAs(binary, command);
}

function refuseUnsupported() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 18) {
    throw new Error(
      `Setting up needs Node 18 or later and this is ${process.version}.\nMend: install a current Node (https://nodejs.org); it only ` +
        `starts the set-up, which then brings Node ${pinnedVersion} itself.`,
    );
  }
  if (packageHere() === undefined) {
    throw new Error(
      `There is no Node ${pinnedVersion} package for ${process.platform}-${process.arch}; there are some for ` +
        `${Object.keys(pinnedPackages).join(', ')}.\nMend: use one of these platforms, for instance in a container.`,
    );
  }
}

function packageHere() {
  return pinnedPackages[`${process.platform}-${process.arch}`];
}

function isInstalled() {
  if (findPinnedNode(root) === undefined) return false;
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === lockHash()) return true;
  if (!isLockFulfilled()) return false;
  markDone();
  return true;
}

function markDone() {
  writeFileSync(stampPath, lockHash());
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

// npm notes what it has installed in a lock file of its own: where that agrees, there is nothing to do.
function isLockFulfilled() {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.link === true || entry.optional === true)
      return true;
    const found = installed[path];
    return found !== undefined && found.version === entry.version;
  });
}
