import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { descriptorsAllowed, streamsWithin, withDescriptors } from './descriptors.ts';

test('a limit that is high enough, or none, is what all loads need', () => {
  assert.equal(descriptorsAllowed('Max open files  1024  1048576  files\n'), 262_144);
  assert.equal(descriptorsAllowed('Max open files  1024  unlimited  files\n'), 262_144);
});

test('a stream takes two files, and some are left for others', () => {
  assert.equal(streamsWithin(20_000), 9900);
  assert.ok(streamsWithin(262_144) > 100_000);
  assert.equal(streamsWithin(100), 1);
});

test('a program has the files that it may have', (t) => {
  const [program = '', ...args] = withDescriptors(['sh', '-c', 'ulimit -n']);
  if (program !== 'prlimit') return t.skip('prlimit is not installed');
  const { stdout } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(Number(stdout), descriptorsAllowed());
  return undefined;
});
