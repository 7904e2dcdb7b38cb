import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateAll } from './decoders/decoder-files.ts';

const root = dirname(import.meta.dirname);
for (const { path, text } of generateAll(root)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`wrote  ${path}\n`);
}
