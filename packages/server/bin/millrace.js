#!/usr/bin/env node
// Plain JavaScript that Node 18 can run: hands over to the pinned Node, then to the program.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
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
  const entry = isClone ? source : join(folder, 'dist', 'cli', 'main.js');
  const { main } = await import(pathToFileURL(entry).href);
  process.exitCode = await main(process.argv.slice(2));
}
