import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { developmentPrivateKey } from './signing/development-key.ts';
import { keyIdOfPrivate, signAll, signatureProblems } from './signing/sign-objects.ts';

const help = `npm run sign -- [--key FILE | --check any|release]
Signs every object of the repository, or checks the signatures. docs/signing.md says how releases are signed.
  --key FILE   a private Ed25519 key in PEM, - for standard input; without it, the development key
  --check      any: by a key of a release or the development key; release: only by a key of a release
`;

const root = dirname(import.meta.dirname);
const { values } = parseArgs({
  options: {
    key: { type: 'string' },
    check: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const { key, check } = values;
if (values.help === true || (check !== undefined && check !== 'any' && check !== 'release')) {
  process.stdout.write(help);
  process.exitCode = values.help === true ? 0 : 2;
} else if (check === undefined) {
  const privateKey =
    key === undefined
      ? developmentPrivateKey()
      : createPrivateKey(readFileSync(key === '-' ? 0 : key));
  for (const path of signAll(root, privateKey)) process.stdout.write(`signed  ${path}\n`);
  process.stdout.write(`key     ${keyIdOfPrivate(privateKey)}\n`);
  if (key !== undefined) {
    const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
    process.stdout.write(`public  ${pem.split('\n')[1] ?? ''}\n`);
  }
} else {
  const problems = signatureProblems(root, check);
  process.stdout.write(problems.map((problem) => `${problem}\n`).join(''));
  process.exitCode = problems.length === 0 ? 0 : 1;
}
