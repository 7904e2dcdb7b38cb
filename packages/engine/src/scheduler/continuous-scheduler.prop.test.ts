import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng } from '@millrace/stdx';
import fc from 'fast-check';
import { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { PoolShape } from '../kv-cache/slot-pool.ts';
import { Sequence } from '../sequence/sequence.ts';
import { PhysicalPools } from '../testing/physical-pools.ts';
import { ContinuousScheduler } from './continuous-scheduler.ts';
import { StaticScheduler } from './static-scheduler.ts';
import type { Scheduler } from './step-plan.ts';
import { StepTimePredictor } from './step-time-predictor.ts';

const contextTokensMax = 96;
const streams: readonly PoolShape[] = [
  { layout: 'streams', slotCount: 4, slotTokensMax: 32, cellCount: 128 },
  { layout: 'streams', slotCount: 2, slotTokensMax: contextTokensMax, cellCount: 192 },
];
const unified: readonly PoolShape[] = [
  { layout: 'unified', slotCount: 8, slotTokensMax: contextTokensMax, cellCount: 160 },
];

type World = {
  readonly seed: number;
  readonly layout: 'streams' | 'unified';
  readonly mode: 'adaptive' | 'continuous' | 'static' | 'static-ragged';
  readonly reuses: boolean;
  readonly isolates: boolean;
  readonly hostBytesMax: number;
  readonly requestCount: number;
};

const world: fc.Arbitrary<World> = fc.record({
  seed: fc.nat(),
  layout: fc.constantFrom('streams', 'unified'),
  mode: fc.constantFrom('adaptive', 'adaptive', 'continuous', 'static', 'static-ragged'),
  reuses: fc.boolean(),
  isolates: fc.boolean(),
  hostBytesMax: fc.constantFrom(0, 64, 400),
  requestCount: fc.integer({ min: 1, max: 40 }),
});

function buildScheduler(ledger: KvLedger, mode: World['mode']): Scheduler {
  const common = { ledger, batchTokensMax: 64, microBatchTokensMax: 16, agingMs: 1000 };
  if (mode === 'static' || mode === 'static-ragged') {
    return new StaticScheduler({
      ...common,
      batchSize: 2,
      isPadded: mode === 'static',
      fillMsMax: 30,
    });
  }
  return new ContinuousScheduler({
    ...common,
    predictor: new StepTimePredictor(),
    mode,
    stepMsMax: 60,
    sequencesMax: 6,
    prefillTokensFixed: 12,
    chunkTokensMin: 4,
    outputTokensExpected: 8,
    shareTokensMin: 4,
    windowMs: 50,
    nowMs: 0,
  });
}

function run(options: World): void {
  const random = seededPrng(options.seed);
  const isStatic = options.mode.startsWith('static');
  const shapes = options.layout === 'streams' || isStatic ? streams : unified;
  const ledger = new KvLedger({
    pools: shapes,
    reusesPrefixes: options.reuses,
    isolatesTenants: options.isolates,
    reuseTokensMin: 2,
    keepTokensMin: 4,
    hostBytesMax: options.hostBytesMax,
    kvBytesPerToken: 4,
  });
  const scheduler = buildScheduler(ledger, options.mode);
  const physical = new PhysicalPools(shapes);
  const ended = new Map<Sequence, string>();
  const live = new Set<Sequence>();
  let created = 0;
  let nowMs = 0;

  const arrive = (): void => {
    const promptLength = 1 + random.below(isStatic ? 30 : 60);
    const group = random.below(3);
    const tenant = `tenant-${random.below(2)}`;
    const prompt = Int32Array.from({ length: promptLength }, (_, at) =>
      at < promptLength - random.below(8) ? group : random.below(5),
    );
    if (options.isolates) prompt.fill(tenant === 'tenant-0' ? 100 : 200, 0, 1);
    const sequence = new Sequence({
      id: created++,
      prompt,
      tokensMax: Math.min(contextTokensMax, promptLength + 1 + random.below(30)),
      priority: random.below(3) - 1,
      tenant,
      arrivedAtMs: nowMs,
      deadlineAtMs: random.below(10) === 0 ? nowMs + random.below(500) : Number.POSITIVE_INFINITY,
    });
    live.add(sequence);
    scheduler.enqueue(sequence);
  };
  const end = (sequence: Sequence, how: string): void => {
    assert.ok(!ended.has(sequence), 'a sequence ends once');
    ended.set(sequence, how);
    live.delete(sequence);
  };

  for (let step = 0; created < options.requestCount || live.size > 0; step++) {
    assert.ok(step < 8000, `nobody starves: ${live.size} of ${created} are left`);
    if (created < options.requestCount && random.below(3) > 0) arrive();
    const doomed = [...live][0];
    if (doomed !== undefined && random.below(25) === 0) {
      scheduler.remove(doomed, nowMs);
      end(doomed, 'cancelled');
    }
    const plan = scheduler.plan(nowMs);
    physical.apply(plan.operations);
    physical.compute(plan);
    for (const sequence of plan.expired) end(sequence, 'expired');
    for (const sequence of plan.outgrown) end(sequence, 'outgrown');
    const tokens = plan.batches
      .flatMap((batch) => batch.entries)
      .reduce((sum, entry) => sum + entry.tokenCount, 0);
    assert.ok(tokens <= 64 + 6, 'a batch keeps its bound');
    const elapsedMs = 5 + tokens * (1 + random.next());
    nowMs += elapsedMs;
    scheduler.settle(plan, elapsedMs);
    for (const entry of plan.batches.flatMap((batch) => batch.entries)) {
      if (!entry.wantsLogits) continue;
      entry.sequence.append(random.below(4));
      const isOver = entry.sequence.length >= entry.sequence.tokensMax || random.below(20) === 0;
      if (!isOver) continue;
      scheduler.remove(entry.sequence, nowMs);
      end(entry.sequence, 'finished');
    }
  }
  assert.equal(ended.size, created, 'every sequence ends in exactly one way');
  physical.apply(scheduler.plan(nowMs).operations);
  for (const pool of ledger.pools) {
    assert.equal(pool.runningCount, 0, 'no slot is left to a sequence that has ended');
    for (const slot of pool.slots) {
      const held = physical.tokens(pool.index, slot.index);
      const known =
        slot.prefix === undefined ? [] : [...slot.prefix.tokens.subarray(0, slot.prefix.length)];
      assert.deepEqual(held, known, 'the ledger knows what every slot holds');
    }
    if (!options.reuses) assert.equal(pool.cellsUsed, 0, 'no cell is leaked');
  }
  assert.ok(ledger.hostBytesUsed <= options.hostBytesMax, 'host memory keeps its bound');
}

test('every sequence continues on its own tokens and ends once, whatever comes and goes', () => {
  fc.assert(fc.property(world, run), { numRuns: 400 });
});
