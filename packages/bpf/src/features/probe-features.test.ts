import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireKernel } from '../testing/requirements.ts';
import type { Feature } from './feature.ts';
import { probeFeatures } from './probe-features.ts';
import { featureOfStatus } from './probe-kinds.ts';

test('answers each feature once, with a reason', () => {
  const features = probeFeatures();
  const names = features.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('map: ring buffer') && names.includes('program: sockops'));
  for (const { name, reason } of features) assert.notEqual(reason, '', name);
});

test('finds that the kernel makes maps and programs, and attaches them', (t) => {
  if (!requireKernel(t)) return;
  const byName = new Map(probeFeatures().map((feature) => [feature.name, feature]));
  for (const name of [
    'CAP_BPF',
    'libbpf',
    'map: array',
    'map: ring buffer',
    'program: raw tracepoint',
    'types of the kernel (BTF)',
    'hook: tracepoint by type',
  ]) {
    assert.equal(byName.get(name)?.answer, 'yes', `${name}: ${byName.get(name)?.reason}`);
  }
});

test('without capabilities it names the one that asking needs, and takes nothing for missing', (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  const script = fileURLToPath(
    new URL('../testing/unprivileged-features.entry.ts', import.meta.url),
  );
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  const features = JSON.parse(stdout === '' ? assert.fail(stderr) : stdout) as readonly Feature[];
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  assert.deepEqual(
    [byName.get('CAP_BPF')?.answer, byName.get('CAP_BPF')?.needs],
    ['no', 'CAP_BPF'],
  );
  for (const [name, needs] of [
    ['map: ring buffer', 'CAP_BPF'],
    ['program: sockops', 'CAP_BPF, CAP_NET_ADMIN'],
    ['program: raw tracepoint', 'CAP_BPF, CAP_PERFMON'],
    ['hook: tracepoint by type', 'CAP_BPF, CAP_PERFMON'],
    ['run-time statistics of programs', 'CAP_SYS_ADMIN'],
  ] as const) {
    const feature = byName.get(name);
    assert.deepEqual([feature?.answer, feature?.needs], ['inconclusive', needs], name);
  }
});

test('tells a kernel that has not from one that could not be asked', (t) => {
  if (!requireKernel(t)) return;
  const kind = { name: 'map: imaginary', type: 9_999, asking: ['CAP_BPF'] } as const;
  assert.equal(featureOfStatus(kind, 1).answer, 'yes');
  assert.equal(featureOfStatus(kind, 0).answer, 'no');
  const unknown = featureOfStatus(kind, -95);
  assert.equal(unknown.answer, 'inconclusive');
  assert.match(unknown.reason, /ENOTSUP|EOPNOTSUPP/);
});
