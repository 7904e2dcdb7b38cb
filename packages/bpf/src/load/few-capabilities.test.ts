import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand, requireKernel } from '../testing/requirements.ts';

const script = fileURLToPath(new URL('../testing/few-capabilities.entry.ts', import.meta.url));

interface Answer {
  readonly capabilities: readonly string[];
  readonly loadFault: string;
  readonly needs: string;
  readonly programs: readonly {
    readonly name: string;
    readonly outcome: string;
    readonly needs: string;
  }[];
  readonly hits: readonly [trace: number, uprobe: number];
}

/** Runs the program as nobody with these capabilities and no other. */
function runWith(t: TestContext, capabilities: readonly string[]): Answer | undefined {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN']))
    return undefined;
  if (!requireCommand(t, 'setpriv')) return undefined;
  const sets = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const args = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps', sets];
  const { stdout, stderr } = spawnSync(
    'setpriv',
    [...args, '--ambient-caps', sets, process.execPath, ...process.execArgv, script, libcPath()],
    { encoding: 'utf8', timeout: 30_000 },
  );
  return JSON.parse(stdout === '' ? assert.fail(stderr) : stdout) as Answer;
}

function libcPath(): string {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return (
    maps
      .find((line) => line.endsWith('/libc.so.6'))
      ?.split(/\s+/)
      .at(-1) ?? assert.fail('no libc')
  );
}

test('with CAP_BPF and CAP_PERFMON, what traces loads and attaches, and what needs the network is told by name', (t) => {
  const answer = runWith(t, ['bpf', 'perfmon']);
  if (answer === undefined) return;
  assert.deepEqual(answer.capabilities.toSorted(), ['CAP_BPF', 'CAP_PERFMON']);
  assert.equal(answer.loadFault, '');
  const failed = answer.programs.filter(({ outcome }) => outcome === 'failed');
  assert.deepEqual(
    failed.map(({ name, needs }) => [name, needs]),
    [
      ['on_sockops', 'CAP_NET_ADMIN'],
      ['on_packet', 'CAP_NET_ADMIN'],
      ['on_nothing', 'a kernel that has tracepoint no_such_tracepoint'],
    ],
  );
  const [trace, uprobe] = answer.hits;
  assert.ok(trace > 5, `${trace} hits`);
  assert.equal(uprobe, 5, 'a link for user-space probes needs no CAP_SYS_ADMIN');
});

test('with CAP_NET_ADMIN too, everything that this kernel has loads', (t) => {
  const answer = runWith(t, ['bpf', 'perfmon', 'net_admin']);
  if (answer === undefined) return;
  const failed = answer.programs.filter(({ outcome }) => outcome === 'failed');
  assert.deepEqual(
    failed.map(({ name }) => name),
    ['on_nothing'],
  );
});

test('with none, nothing loads, and the capabilities that are lacking are named', (t) => {
  const answer = runWith(t, []);
  if (answer === undefined) return;
  assert.equal(answer.needs, 'CAP_BPF, CAP_PERFMON');
});
