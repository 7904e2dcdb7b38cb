import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { requireNode } from '../packages/server/bin/pinned-node.js';
import { Tally } from './test-run/tally.ts';

const defaultGlobs = ['packages/*/src/**/*.test.ts', 'tools/*/**/*.test.ts'];
const defaultModel = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const testTimeoutMs = 300_000;
/** A file whose tests have ended but which does not end itself would hold up the run for ever. */
const silenceMsMax = 360_000;

const help = `npm test -- [--name PATTERN] [GLOB...]
Runs all tests, or those whose files match a glob and whose titles match a pattern.
  MILLRACE_TEST_MODEL     a GGUF file for the tests that need a model; by default the one that "millrace models pull" keeps
  MILLRACE_FORBID_SKIPS   1: a skipped test fails the run, as in CI
  MILLRACE_ALLOW_SKIPS    beginnings of reasons, with ";" between, for which a test may be skipped all the same
`;

requireNode();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help === true) process.stdout.write(help);
else process.exitCode = await runTests(positionals.length > 0 ? positionals : defaultGlobs);

async function runTests(globs: readonly string[]): Promise<number> {
  process.env['MILLRACE_TEST_MODEL'] ??= findDefaultModel() ?? '';
  const paths = globSync([...globs]).toSorted();
  const [withModel, others] = [paths.filter(needsModel), paths.filter((path) => !needsModel(path))];
  const tally = new Tally();
  const reporter = new spec();
  reporter.pipe(process.stdout);
  await runFiles(others, { concurrency: availableParallelism(), tally, reporter });
  // Every one of them computes on all cores: side by side they only wait for each other.
  await runFiles(withModel, { concurrency: 1, tally, reporter });
  process.stdout.write(tally.describeSkips());
  for (const event of tally.totals()) reporter.write(event);
  await new Promise((resolve) => reporter.end(resolve));
  return exitCode(tally, globs);
}

interface RunOptions {
  readonly concurrency: number;
  readonly tally: Tally;
  readonly reporter: Writable;
}

async function runFiles(
  paths: readonly string[],
  { concurrency, tally, reporter }: RunOptions,
): Promise<void> {
  if (paths.length === 0) return;
  const silence = new AbortController();
  let timer = setTimeout(() => undefined, 0);
  const events = run({
    signal: silence.signal,
    files: [...paths],
    execArgv: ['--conditions=@millrace/source'],
    concurrency,
    timeout: testTimeoutMs,
    ...(values.name === undefined ? {} : { testNamePatterns: [values.name] }),
  });
  for await (const event of events as AsyncIterable<TestEvent>) {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), silenceMsMax);
    if (tally.add(event)) reporter.write(event);
  }
  clearTimeout(timer);
}

function needsModel(path: string): boolean {
  return (
    path.endsWith('.model.test.ts') || readFileSync(path, 'utf8').includes('MILLRACE_TEST_MODEL')
  );
}

function exitCode(tally: Tally, globs: readonly string[]): number {
  if (tally.ran === 0) {
    process.stderr.write(`no test was run: ${globs.join(' ')}\n`);
    return 1;
  }
  const forbidden = forbiddenSkips(tally);
  if (forbidden.length > 0) {
    process.stderr.write(
      `MILLRACE_FORBID_SKIPS=1: skipped, but must run:\n  ${forbidden.join('\n  ')}\n`,
    );
    return 1;
  }
  return tally.failed > 0 ? 1 : 0;
}

function forbiddenSkips(tally: Tally): readonly string[] {
  if (process.env['MILLRACE_FORBID_SKIPS'] !== '1') return [];
  const allowed = (process.env['MILLRACE_ALLOW_SKIPS'] ?? '')
    .split(';')
    .filter((start) => start !== '');
  return tally.skippedReasons.filter(
    (reason) => !allowed.some((start) => reason.startsWith(start)),
  );
}

function findDefaultModel(): string | undefined {
  const cache =
    process.env['MILLRACE_CACHE'] ?? process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'millrace', 'models');
  if (!existsSync(folder)) return undefined;
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith(defaultModel),
  );
  return found === undefined ? undefined : join(folder, found);
}
