import assert from 'node:assert/strict';
import test from 'node:test';
import { probeFeatures } from './probe-features.ts';

test('answers each feature once, with a reason', () => {
  const features = probeFeatures();
  const names = features.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('map: ring buffer') && names.includes('program: sockops'));
  for (const { name, reason } of features) assert.notEqual(reason, '', name);
});

test('finds that the kernel makes maps and programs', (t) => {
  const byName = new Map(probeFeatures().map((feature) => [feature.name, feature]));
  if (byName.get('libbpf')?.answer !== 'yes') return t.skip('libbpf 1.x is not installed');
  if (process.getuid?.() !== 0) return t.skip('needs root');
  const array = byName.get('map: array');
  if (array?.answer !== 'yes') return t.skip(`this root may not make maps: ${array?.reason}`);
  assert.equal(byName.get('program: raw tracepoint')?.answer, 'yes');
});
