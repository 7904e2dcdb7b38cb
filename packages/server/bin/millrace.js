#!/usr/bin/env node
// Plain JavaScript that Node 18 can run: hands over to the pinned Node, then to the program.
import { existsSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { continueAs, findPinnedNode, refusalOfNode, requireNode } from './pinned-node.js';

const self = fileURLToPath(import.meta.url);
const folder = dirname(dirname(self));
// A clone runs its sources; what npm installs has only dist/.
const source = join(folder, 'src', 'cli', 'main.ts');
const isClone = existsSync(join(folder, 'src'));
const condition = '--conditions=@millrace/source';

const mayRunHere = refusalOfNode(process.versions.node, process.env) === undefined;
const binary = mayRunHere ? process.execPath : findPinnedNode(folder);

if (binary === undefined) {
  requireNode();
} else if (mayRunHere && (!isClone || process.execArgv.includes(condition))) {
  await run();
} else {
  const inherited = process.execArgv.filter((flag) => flag !== condition);
  continueAs(binary, [
    ...inherited,
    ...(isClone ? [condition] : []),
    self,
    ...process.argv.slice(2),
  ]);
}

async function run() {
  makeNothingOld();
  keepCompiled();
  const entry = isClone ? source : join(folder, 'dist', 'cli', 'main.js');
  const { main } = await import(pathToFileURL(entry).href);
  process.exitCode = await main(process.argv.slice(2));
}

/**
 * Has whatever the program allocates begin its life in young memory. V8 else watches, for each place in the code that
 * makes objects, how many of them survive a collection, and where that are many it makes the next ones in old memory. What a
 * request has survives now and then because it is under way, not because it will live long; once one of its objects is
 * made old, it holds all others until old memory is collected, so that more survive, and that goes on by itself. What is
 * compiled is kept by flags, so they are set before anything else.
 */
function makeNothingOld() {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

/**
 * What is compiled is kept from one start to the next, by the user alone. Lanes and engines, which find the folder in
 * their environment, start sooner, and in a clone need no compiler of types in their memory.
 */
function keepCompiled() {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return;
  const { MILLRACE_CACHE: named = '', XDG_CACHE_HOME: xdg = '' } = process.env;
  const usual = isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  const caches = named === '' ? usual : resolve(named);
  const own = join(caches, 'millrace');
  const folder = join(own, 'compiled');
  try {
    // One by one: in a place where there can be no folders, Node tries for ever to make several at once.
    for (const each of [caches, own, folder]) if (!existsSync(each)) mkdirSync(each);
  } catch {
    // Where nothing can be kept, all is compiled at each start.
    return;
  }
  const { directory } = module.enableCompileCache(folder);
  if (directory !== undefined) process.env.NODE_COMPILE_CACHE = folder;
}
