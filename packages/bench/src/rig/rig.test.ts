import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { compileRig, type RigPrograms } from './compile-rig.ts';
import { type ClientResult, runClient, startUpstream } from './rig-process.ts';

const short = { connections: 8, 'warm-ms': 20, 'duration-ms': 150 };

test('unary answers come whole, in a closed loop', async (t) => {
  const rig = requireRig(t);
  if (rig === undefined) return;
  await using upstream = await startUpstream(rig.upstream, { 'body-bytes': 2000 });
  const phases: string[] = [];
  const result = await runClient(
    rig.client,
    { ...short, port: upstream.port, 'expect-bytes': 2000 },
    (phase) => phases.push(phase),
  );
  assert.deepEqual(phases, ['measuring', 'measured']);
  assert.ok(result.requests > 8, `${result.requests} requests`);
  assert.equal(errorsOf(result), 0);
  const counts = await upstream.stop();
  assert.ok(counts.unary >= result.requests);
  assert.equal(counts.connections, 8);
  assert.equal(counts.aborted, 0);
});

test('an open loop keeps its rate', async (t) => {
  const rig = requireRig(t);
  if (rig === undefined) return;
  await using upstream = await startUpstream(rig.upstream);
  const result = await runClient(rig.client, {
    ...short,
    port: upstream.port,
    rate: 200,
    'duration-ms': 500,
  });
  assert.ok(result.requests >= 90 && result.requests <= 110, `${result.requests} requests`);
  assert.equal(errorsOf(result), 0);
});

test('streams bring every event and tell how old each was', async (t) => {
  const rig = requireRig(t);
  if (rig === undefined) return;
  await using upstream = await startUpstream(rig.upstream, { events: 16, 'gap-us': 1000 });
  const result = await runClient(rig.client, {
    ...short,
    port: upstream.port,
    stream: 1,
    'expect-events': 16,
  });
  assert.ok(result.requests > 0);
  assert.equal(errorsOf(result), 0);
  assert.equal(result.eventLatencyUs.count, result.events);
});

test('streams are held until the client is told to end', async (t) => {
  const rig = requireRig(t);
  if (rig === undefined) return;
  await using upstream = await startUpstream(rig.upstream, { events: 2, 'gap-us': 60_000_000 });
  const result = await runClient(
    rig.client,
    { port: upstream.port, stream: 1, hold: 1, connections: 200 },
    (phase, end) => {
      assert.equal(phase, 'held');
      end();
    },
  );
  assert.equal(result.held, 200);
  assert.equal(result.unfinished, 200);
  assert.equal(errorsOf(result), result.unfinished);
  assert.equal((await upstream.stop()).streams, 0);
});

test('answers of another size and streams of another length are errors', async (t) => {
  const rig = requireRig(t);
  if (rig === undefined) return;
  await using upstream = await startUpstream(rig.upstream, { events: 4, 'gap-us': 0 });
  const to = { ...short, port: upstream.port };
  const unary = await runClient(rig.client, { ...to, 'expect-bytes': 999 });
  assert.equal(unary.requests, 0);
  assert.ok((unary.errors['size'] ?? 0) > 0);
  const streamed = await runClient(rig.client, { ...to, stream: 1, 'expect-events': 5 });
  assert.equal(streamed.requests, 0);
  assert.ok((streamed.errors['events'] ?? 0) > 0);
});

test('a machine without a compiler is told what is missing', () => {
  const cache = mkdtempSync(join(tmpdir(), 'millrace-rig-'));
  const made = compileRig('no-such-compiler', cache);
  rmSync(cache, { recursive: true });
  assert.ok('unavailable' in made);
  assert.match(made.unavailable, /no-such-compiler.*apt-get install gcc/u);
});

function requireRig(t: TestContext): RigPrograms | undefined {
  const rig = compileRig();
  if (!('unavailable' in rig)) return rig;
  t.skip(rig.unavailable);
  return undefined;
}

function errorsOf(result: ClientResult): number {
  return Object.values(result.errors).reduce((sum, count) => sum + count, result.unfinished);
}
