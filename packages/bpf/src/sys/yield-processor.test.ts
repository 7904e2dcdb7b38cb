import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';

const script = `
  import { readdirSync, readFileSync } from 'node:fs';
  const { yieldProcessor } = await import(process.argv[1]);
  // The 41st field is the policy; the second may hold spaces.
  const policies = () => readdirSync('/proc/self/task').map((thread) =>
    readFileSync('/proc/self/task/' + thread + '/stat', 'utf8').replace(/^.*\\) /, '').split(' ')[38]);
  const before = policies();
  yieldProcessor();
  console.log(JSON.stringify([before, policies()]));
`;

test('every thread yields its processor to other processes', (t) => {
  if (process.platform !== 'linux') {
    t.skip('needs Linux');
    return;
  }
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['--conditions=@millrace/source', '--input-type=module', '-e', script],
      new URL('./yield-processor.ts', import.meta.url).href,
    ],
    { encoding: 'utf8' },
  );
  const [before, after] = JSON.parse(stdout || `"${stderr}"`) as [string[], string[]];
  assert.ok(before.length > 1 && before.every((policy) => policy === '0'));
  assert.ok(
    after.every((policy) => policy === '5'),
    String(after),
  );
});
