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
int cuGraphLaunch(void *f) { return f != 0; }
int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t bytes) { return to + (size_t)from + bytes == 0; }
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t bytes) { return (size_t)to + from + bytes == 0; }
int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes) { return to + from + bytes == 0; }
int cuMemcpyAsync(unsigned long long to, unsigned long long from, size_t bytes) { return to + from + bytes == 0; }
int cuMemcpy2DAsync_v2(const void *copy, void *stream) { return copy == stream; }`;
const programSource = `#include <stdio.h>
struct llama_batch { int n_tokens; void *members[6]; };
struct rows_end { size_t x, y; unsigned int type; const void *host; unsigned long long device; void *array; size_t pitch; };
struct rows { struct rows_end from, to; size_t width, height; };
int llama_decode(void *, struct llama_batch);
int cuLaunchKernel(void *); int cuGraphLaunch(void *);
int cuMemcpyHtoD_v2(unsigned long long, const void *, size_t); int cuMemcpyDtoH_v2(void *, unsigned long long, size_t);
int cuMemcpyDtoDAsync_v2(unsigned long long, unsigned long long, size_t); int cuMemcpyAsync(unsigned long long, unsigned long long, size_t);
int cuMemcpy2DAsync_v2(const struct rows *, void *);
static void copy_rows(unsigned int from, unsigned int to, size_t width) {
  struct rows rows = {.from = {.type = from}, .to = {.type = to}, .width = width, .height = 3};
  cuMemcpy2DAsync_v2(&rows, 0);
}
int main(void) {
  getchar();
  struct llama_batch batch = {0};
  for (int step = 1; step <= 20; step++) { batch.n_tokens = step; llama_decode(0, batch); cuLaunchKernel(0); }
  cuGraphLaunch(0); cuGraphLaunch(0); cuGraphLaunch(0);
  cuMemcpyHtoD_v2(1, "", 4096); cuMemcpyHtoD_v2(1, "", 4096); cuMemcpyDtoH_v2("", 1, 100);
  cuMemcpyDtoDAsync_v2(1, 2, 7); cuMemcpyAsync(1, 2, 11);
  copy_rows(1, 2, 1000); copy_rows(2, 1, 2000); copy_rows(2, 3, 4000); copy_rows(1, 4, 8000);
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
    graphLaunches: 3,
    copiesToDevice: 3,
    bytesToDevice: 8192 + 3000,
    copiesFromDevice: 2,
    bytesFromDevice: 100 + 6000,
    copiesWithinDevice: 2,
    bytesWithinDevice: 7 + 12_000,
    copiesEitherWay: 2,
    bytesEitherWay: 11 + 24_000,
  });
});

// PyTorch's way is that of any program of CUDA's runtime, which asks the driver for its calls by name.
const torchSource = `import sys, torch
MiB = 1 << 20
if not torch.cuda.is_available(): sys.exit('no GPU')
host = torch.ones(2 * MiB, dtype=torch.uint8)
device = torch.empty(2 * MiB, dtype=torch.uint8, device='cuda')
other = torch.empty(3 * MiB, dtype=torch.uint8, device='cuda')
another = torch.empty_like(other)
numbers = torch.zeros(1000, device='cuda')
graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
with torch.cuda.stream(stream): numbers.add_(1)
torch.cuda.synchronize()
with torch.cuda.graph(graph): numbers.add_(1); numbers.add_(1)
torch.cuda.synchronize()
print(next(line.split()[-1] for line in open('/proc/self/maps') if '/libcuda.so' in line), flush=True)
sys.stdin.readline()
for _ in range(10): device.copy_(host)
for _ in range(5): host.copy_(device)
for _ in range(4): another.copy_(other)
for _ in range(100): numbers.add_(1)
for _ in range(20): graph.replay()
torch.cuda.synchronize()`;

test('on a GPU, what PyTorch copies and launches is counted to the byte', async (t) => {
  if (!requireKernel(t) || !requireCommand(t, 'python3')) return;
  const child = spawn('python3', ['-c', torchSource], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  const [path] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (typeof path === 'number') return t.skip('needs a GPU, and PyTorch for it');
  using probe = openEngineProbe({ pid: child.pid ?? 0, cudaPath: String(path).trim() });
  const notAttached = probe.programs.filter(({ isAttached }) => !isAttached);
  assert.deepEqual(notAttached, []);
  child.stdin.end('\n');
  await once(child, 'exit');
  const mebibyte = 2 ** 20;
  assert.deepEqual(probe.deviceCalls(), {
    launches: 100,
    graphLaunches: 20,
    copiesToDevice: 10,
    bytesToDevice: 20 * mebibyte,
    copiesFromDevice: 5,
    bytesFromDevice: 10 * mebibyte,
    copiesWithinDevice: 4,
    bytesWithinDevice: 12 * mebibyte,
    copiesEitherWay: 0,
    bytesEitherWay: 0,
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
  assert.deepEqual([probe.deviceCalls()?.launches, probe.deviceCalls()?.graphLaunches], [20, 3]);
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
