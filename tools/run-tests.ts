import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { requireNode } from '../packages/server/bin/pinned-node.js';

const defaultGlobs = ['packages/*/src/**/*.test.ts', 'tools/*/**/*.test.ts'];
const defaultModel = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const testTimeoutMs = 180_000;
const shownReasonsMax = 40;

const help = `npm test -- [--name PATTERN] [GLOB...]
Runs all tests, or those whose files match a glob and whose titles match a pattern.
  MILLRACE_TEST_MODEL     a GGUF file for the tests that need a model; by default the one that "millrace models pull" keeps
  MILLRACE_FORBID_SKIPS   1: a skipped test fails the run, as in CI
`;

requireNode();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help === true) process.stdout.write(help);
else process.exitCode = await runTests(positionals.length > 0 ? positionals : defaultGlobs);

async function runTests(globPatterns: readonly string[]): Promise<number> {
  process.env['MILLRACE_TEST_MODEL'] ??= findDefaultModel() ?? '';
  const events = run({
    globPatterns: [...globPatterns],
    execArgv: ['--conditions=@millrace/source'],
    concurrency: availableParallelism(),
    timeout: testTimeoutMs,
    ...(values.name === undefined ? {} : { testNamePatterns: [values.name] }),
  });
  const reporter = new spec();
  reporter.pipe(process.stdout);
  const skipped = new Map<string, string[]>();
  const counts = { run: 0, failed: 0 };
  let isSummed = false;
  for await (const event of events as AsyncIterable<TestEvent>) {
    count(event, { counts, skipped });
    if (!isSummed && isSummary(event)) {
      isSummed = true;
      process.stdout.write(describeSkips(skipped));
    }
    reporter.write(event);
  }
  await new Promise((resolve) => reporter.end(resolve));
  return exitCode(counts, skipped, globPatterns);
}

interface Tally {
  readonly counts: { run: number; failed: number };
  readonly skipped: Map<string, string[]>;
}

function count(event: TestEvent, { counts, skipped }: Tally): void {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return;
  if (event.type === 'test:fail') counts.failed++;
  if (event.data.details.type === 'suite') return;
  counts.run++;
  if (event.data.skip === undefined || event.data.skip === false) return;
  const reason = typeof event.data.skip === 'string' ? event.data.skip : 'no reason given';
  const titles = skipped.get(reason) ?? [];
  titles.push(event.data.name);
  skipped.set(reason, titles);
}

function isSummary(event: TestEvent): boolean {
  return (
    event.type === 'test:diagnostic' &&
    event.data.nesting === 0 &&
    /^tests \d+$/.test(event.data.message)
  );
}

function describeSkips(skipped: ReadonlyMap<string, readonly string[]>): string {
  const lines = [...skipped].map(([reason, titles]) => `  ${titles.length} × ${reason}\n`);
  const rest =
    lines.length > shownReasonsMax ? `  and ${lines.length - shownReasonsMax} more reasons\n` : '';
  return lines.length === 0
    ? ''
    : `\nSkipped:\n${lines.slice(0, shownReasonsMax).join('')}${rest}\n`;
}

function exitCode(
  counts: Tally['counts'],
  skipped: Tally['skipped'],
  globs: readonly string[],
): number {
  if (counts.run === 0) {
    process.stderr.write(`no test was run: ${globs.join(' ')}\n`);
    return 1;
  }
  if (process.env['MILLRACE_FORBID_SKIPS'] === '1' && skipped.size > 0) {
    process.stderr.write(
      'MILLRACE_FORBID_SKIPS=1: a test that must run here was skipped; the reasons stand above.\n',
    );
    return 1;
  }
  return counts.failed > 0 ? 1 : 0;
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
