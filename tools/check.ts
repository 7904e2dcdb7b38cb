import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { requireNode } from '../packages/server/bin/pinned-node.js';

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** What its output says when it has read files; a check that has read none fails. */
  readonly proof?: RegExp;
}

const binaries = join('node_modules', '.bin');
const checks: readonly Check[] = [
  {
    name: 'format',
    command: [join(binaries, 'oxfmt'), '--check'],
    proof: /on [1-9]\d* files/,
  },
  {
    name: 'lint',
    command: [join(binaries, 'oxlint'), '--type-aware', '--deny-warnings'],
    proof: /on [1-9]\d* files/,
  },
  {
    name: 'types',
    command: [join(binaries, 'tsc'), '--diagnostics'],
    proof: /Files:\s+[1-9]/,
  },
  {
    name: 'tidy',
    command: [
      process.execPath,
      '--conditions=@millrace/source',
      '--test',
      'tools/tidy.test.ts',
      'tools/tidy/rules.test.ts',
    ],
    proof: /tests [1-9]/,
  },
  {
    name: 'unused',
    command: [
      process.execPath,
      join('node_modules', 'knip', 'bin', 'knip.js'),
      '--no-config-hints',
    ],
  },
];

requireNode();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  const names = checks.map((check) => check.name).join(', ');
  process.stderr.write(`there is no check "${unknown.join('", "')}"; there are: ${names}\n`);
  process.exitCode = 1;
} else {
  await runChecks(
    asked.length === 0 ? checks : checks.filter((check) => asked.includes(check.name)),
  );
}

async function runChecks(wanted: readonly Check[]): Promise<void> {
  const beganMs = performance.now();
  let failed = 0;
  for (const check of wanted) {
    if (!(await passes(check))) failed++;
  }
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  process.stdout.write(`${wanted.length - failed} of ${wanted.length} checks pass, ${seconds} s\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

async function passes(check: Check): Promise<boolean> {
  const beganMs = performance.now();
  const { code, output } = await outputOf(check.command);
  const hasRead = check.proof === undefined || check.proof.test(output);
  const isGood = code === 0 && hasRead;
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  process.stdout.write(`${isGood ? 'pass' : 'FAIL'}  ${check.name}  ${seconds} s\n`);
  if (!isGood) process.stdout.write(`${output.trimEnd()}\n`);
  if (code === 0 && !hasRead) process.stdout.write(`${check.name} has read no files\n`);
  return isGood;
}

function outputOf([command, ...args]: Check['command']): Promise<{ code: number; output: string }> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  let output = '';
  const note = (chunk: string): void => {
    output += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', note);
  child.stderr.setEncoding('utf8').on('data', note);
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 1, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
