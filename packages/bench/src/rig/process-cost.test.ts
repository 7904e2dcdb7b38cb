import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { microsecondsEach, processTree, readProcessCost } from './process-cost.ts';

test('the cost is that of all threads of all processes', () => {
  const proc = mkdtempSync(join(tmpdir(), 'millrace-proc-'));
  for (const [id, thread, ns] of [
    [7, 7, 1000],
    [7, 8, 200],
    [9, 9, 30],
  ]) {
    const folder = join(proc, String(id));
    mkdirSync(join(folder, 'task', String(thread)), { recursive: true });
    writeFileSync(join(folder, 'statm'), '900 10 5 1 0 100 0\n');
    writeFileSync(join(folder, 'task', String(thread), 'schedstat'), `${ns} 5 6\n`);
  }
  mkdirSync(join(proc, '9', 'task', '10'));
  assert.deepEqual(readProcessCost([7, 9], proc), {
    processorNs: 1230,
    residentBytes: 2 * 10 * 4096,
  });
  rmSync(proc, { recursive: true });
});

test('the cost of a piece is what was used between two readings', () => {
  const at = (processorNs: number) => ({ processorNs, residentBytes: 0 });
  assert.equal(microsecondsEach(at(5_000_000), at(25_000_000), 1000), 20);
});

test('what a process has started belongs to it', () => {
  const proc = mkdtempSync(join(tmpdir(), 'millrace-proc-'));
  for (const [id, thread, children] of [
    [7, 7, '8 '],
    [7, 70, '9 '],
    [8, 8, ''],
    [9, 9, '10 '],
    [10, 10, ''],
  ]) {
    const folder = join(proc, String(id), 'task', String(thread));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'children'), String(children));
  }
  assert.deepEqual(
    processTree(7, proc).toSorted((one, other) => one - other),
    [7, 8, 9, 10],
  );
  rmSync(proc, { recursive: true });
});
