import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { requireCommand, requireKernel } from '@millrace/bpf/testing';
import { stepQuantileNs } from '../health/step-histogram.ts';
import { openEngineProbe } from './engine-probe.ts';

// Libraries with the signatures of llama.cpp's llama_decode and of CUDA's driver; the batch is as large as the real one.
const llamaSource = `#include <unistd.h>
struct llama_batch { int n_tokens; void *members[6]; };
int llama_decode(void *context, struct llama_batch batch) { usleep(2000); return batch.n_tokens - batch.n_tokens; }`;
const cudaSource = `#include <stddef.h>
int cuLaunchKernel(void *f) { return f != 0; }
int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t bytes) { return to + (size_t)from + bytes == 0; }
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t bytes) { return (size_t)to + from + bytes == 0; }`;
const programSource = `#include <stdio.h>
struct llama_batch { int n_tokens; void *members[6]; };
int llama_decode(void *, struct llama_batch);
int cuLaunchKernel(void *); int cuMemcpyHtoD_v2(unsigned long long, const void *, size_t); int cuMemcpyDtoH_v2(void *, unsigned long long, size_t);
int main(void) {
  getchar();
  struct llama_batch batch = {0};
  for (int step = 1; step <= 20; step++) { batch.n_tokens = step; llama_decode(0, batch); cuLaunchKernel(0); }
  cuMemcpyHtoD_v2(1, "", 4096); cuMemcpyHtoD_v2(1, "", 4096); cuMemcpyDtoH_v2("", 1, 100);
  return 0;
}`;

/** A folder with an engine, which runs 20 steps when it is told to go on. */
function buildEngine(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-engine-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const compile = (name: string, source: string, flags: readonly string[]): void => {
    writeFileSync(join(folder, `${name}.c`), source);
    execFileSync('cc', ['-O1', join(folder, `${name}.c`), '-o', join(folder, name), ...flags]);
  };
  compile('libllama.so', llamaSource, ['-shared', '-fPIC']);
  compile('libcuda.so.1', cudaSource, ['-shared', '-fPIC']);
  compile('engine', programSource, [
    `-Wl,-rpath,${folder}`,
    join(folder, 'libllama.so'),
    join(folder, 'libcuda.so.1'),
  ]);
  return folder;
}

test('steps and their batches, launches and copies are counted where they happen', async (t) => {
  if (!requireKernel(t) || !requireCommand(t, 'cc')) return;
  const folder = buildEngine(t);
  const child = spawn(join(folder, 'engine'), { stdio: ['pipe', 'ignore', 'inherit'] });
  await once(child, 'spawn');
  using probe = openEngineProbe({
    pid: child.pid ?? 0,
    llamaPath: join(folder, 'libllama.so'),
    cudaPath: join(folder, 'libcuda.so.1'),
  });
  assert.deepEqual(
    probe.programs.filter(({ isAttached }) => !isAttached),
    [],
  );
  child.stdin.end('\n');
  await once(child, 'exit');
  const steps = probe.steps();
  assert.equal(steps?.steps, 20);
  assert.equal(steps.tokens, 210);
  assert.equal(steps.unpaired, 0);
  assert.deepEqual(steps.batch.slice(0, 6), [1, 2, 4, 8, 5, 0]);
  assert.ok(stepQuantileNs(steps, 0.5) >= 2e6);
  assert.deepEqual(probe.deviceCalls(), {
    launches: 20,
    copiesToDevice: 2,
    bytesToDevice: 8192,
    copiesFromDevice: 1,
    bytesFromDevice: 100,
  });
});

test('by file, engines that start later are counted, and only those that are named', async (t) => {
  if (!requireKernel(t) || !requireCommand(t, 'cc')) return;
  const folder = buildEngine(t);
  using probe = openEngineProbe(
    { llamaPath: join(folder, 'libllama.so'), cudaPath: join(folder, 'libcuda.so.1') },
    { isFilteredByProcess: true },
  );
  for (const isNamed of [true, false]) {
    const child = spawn(join(folder, 'engine'), { stdio: ['pipe', 'ignore', 'inherit'] });
    await once(child, 'spawn');
    if (isNamed) probe.addProcesses([child.pid ?? 0]);
    child.stdin.end('\n');
    await once(child, 'exit');
  }
  assert.deepEqual([probe.steps()?.steps, probe.steps()?.unpaired], [20, 0]);
  assert.deepEqual([probe.deviceCalls()?.launches, probe.deviceCalls()?.bytesToDevice], [20, 8192]);
});

test('a library without the call is told of', async (t) => {
  if (!requireKernel(t)) return;
  using probe = openEngineProbe({ pid: process.pid, llamaPath: process.execPath });
  assert.ok(
    probe.programs.every(
      ({ isAttached, reason }) => !isAttached && reason.includes('llama_decode'),
    ),
  );
  assert.equal(probe.steps(), undefined);
  assert.equal(probe.deviceCalls(), undefined);
});
