import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { requireKernel } from '@millrace/bpf/testing';

const script = `
  const { openKernelProbe } = await import(process.argv[1]);
  using probe = openKernelProbe('sockets', { ports: [1] });
  console.log(probe.programs.filter(({ isAttached }) => !isAttached).map(({ name, reason }) => name + ': ' + reason).join());
`;

test('a process whose profiler interrupts it all the time loads programs all the same', (t) => {
  if (!requireKernel(t)) return;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-profile-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['--conditions=@millrace/source', '--cpu-prof', `--cpu-prof-dir=${folder}`],
      ...['--input-type=module', '-e', script, new URL('../index.ts', import.meta.url).href],
    ],
    { encoding: 'utf8' },
  );
  assert.equal(stdout, '\n', stderr);
  assert.equal(readdirSync(folder).length, 1, 'the profile was written');
});
