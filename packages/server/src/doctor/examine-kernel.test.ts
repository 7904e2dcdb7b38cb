import assert from 'node:assert/strict';
import test from 'node:test';
import { type Feature, probeFeatures } from '@millrace/bpf';
import { examineKernelView } from './examine-kernel.ts';

const all: readonly Feature[] = probeFeatures().map(({ name }) => ({
  name,
  answer: 'yes',
  reason: 'in this test',
}));

function without(...lacking: readonly Feature[]): readonly Feature[] {
  const names = new Set(lacking.map(({ name }) => name));
  return [...all.filter(({ name }) => !names.has(name)), ...lacking];
}

test('where everything is there, every part of the kernel view is good', () => {
  const findings = examineKernelView(all);
  assert.ok(findings.length >= 5);
  assert.deepEqual(
    findings.filter(({ state }) => state !== 'good'),
    [],
  );
});

test('what is lacking takes away the parts that need it, by name and mend, and no other', () => {
  const reason = 'this thread lacks it';
  const findings = examineKernelView(
    without({ name: 'CAP_NET_ADMIN', answer: 'no', reason, needs: 'CAP_NET_ADMIN' }),
  );
  const lacking = findings.filter(({ state }) => state === 'lacking');
  assert.deepEqual(
    lacking.map(({ subject }) => subject),
    ['kernel view, transmit timestamps', 'kernel view, packets of an interface'],
  );
  assert.match(lacking[0]?.detail ?? '', /CAP_NET_ADMIN/);
  assert.equal(lacking[0]?.mend, 'run as root, or with CAP_NET_ADMIN');
});

test('a feature that could not be asked for is not told besides the capability that asking needs', () => {
  const [finding] = examineKernelView(
    without(
      { name: 'CAP_BPF', answer: 'no', reason: 'lacks it', needs: 'CAP_BPF' },
      { name: 'map: ring buffer', answer: 'inconclusive', reason: 'asking', needs: 'CAP_BPF' },
      {
        name: 'types of the kernel (BTF)',
        answer: 'no',
        reason: 'gone',
        needs: 'CONFIG_DEBUG_INFO_BTF',
      },
    ),
  );
  assert.equal(finding?.detail, 'types of the kernel (BTF): gone; CAP_BPF: lacks it');
  assert.equal(finding?.mend, 'run as root, or with CAP_BPF; CONFIG_DEBUG_INFO_BTF');
});
