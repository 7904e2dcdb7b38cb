import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import fc from 'fast-check';
import { chainOf } from '../testing/chains.ts';
import { PrefixLedger } from './prefix-ledger.ts';

const endpointsMax = 3;
const capacityBlocks = 256;
const tickMs = 64;
const speculativeMs = 640;

/** What is known of a block at one endpoint: since when, by which count. */
type Held = { readonly kind: 'speculative' | 'confirmed'; readonly since: number };

/** The ledger as one would write it without bounds on memory or time: a map from endpoint and the names up to a block. */
class LedgerModel {
  readonly held = new Map<string, Held>();
  readonly inserted = Array.from({ length: endpointsMax }, () => 0);
  /** What was last used before that many insertions has gone. */
  readonly oldest = Array.from({ length: endpointsMax }, () => 0);
  tick = 0;

  isHeld(names: readonly number[], block: number, endpoint: number): boolean {
    const held = this.held.get(keyOf(names, block, endpoint));
    if (held === undefined) return false;
    return held.kind === 'confirmed'
      ? held.since >= (this.oldest[endpoint] as number)
      : this.tick - held.since <= speculativeMs / tickMs;
  }

  match(names: readonly number[], endpoint: number): number {
    const missing = names.findIndex((_, block) => !this.isHeld(names, block, endpoint));
    return missing === -1 ? names.length : missing;
  }

  speculate(names: readonly number[], endpoint: number): void {
    for (const block of names.keys()) {
      const key = keyOf(names, block, endpoint);
      const isConfirmed = this.held.get(key)?.kind === 'confirmed';
      if (isConfirmed && this.isHeld(names, block, endpoint)) continue;
      this.held.set(key, { kind: 'speculative', since: this.tick });
    }
  }

  confirm(names: readonly number[], endpoint: number, cachedBlocks: number): void {
    const inserted = (this.inserted[endpoint] as number) + Math.max(0, names.length - cachedBlocks);
    this.inserted[endpoint] = inserted;
    this.oldest[endpoint] = Math.max(this.oldest[endpoint] as number, inserted - capacityBlocks);
    for (const block of names.keys())
      this.held.set(keyOf(names, block, endpoint), { kind: 'confirmed', since: inserted });
    while (this.oldest[endpoint] !== inserted && this.heldCount(endpoint) > capacityBlocks)
      this.oldest[endpoint] = this.oldest[endpoint] + 1;
  }

  /** Different blocks that have been used since the oldest that is left. */
  heldCount(endpoint: number): number {
    const kept = [...this.held].filter(
      ([key, { kind, since }]) =>
        kind === 'confirmed' &&
        key.endsWith(`@${endpoint}`) &&
        since >= (this.oldest[endpoint] as number),
    );
    return kept.length;
  }

  remove(names: readonly number[], endpoint: number, fromBlock: number): void {
    for (let block = fromBlock; block < names.length; block++)
      this.held.delete(keyOf(names, block, endpoint));
  }

  forget(endpoint: number): void {
    for (const key of this.held.keys()) if (key.endsWith(`@${endpoint}`)) this.held.delete(key);
  }
}

function keyOf(names: readonly number[], block: number, endpoint: number): string {
  return `${names.slice(0, block + 1).join()}@${endpoint}`;
}

// Long enough for several windows of lookups.
const names = fc.oneof(
  fc.array(fc.nat(40), { minLength: 1, maxLength: 12 }),
  fc.nat(60).map((count) => Array.from({ length: count }, (_, at) => 500 + at)),
);
const endpoint = fc.nat(endpointsMax - 1);
const step = fc.oneof(
  fc.record({ kind: fc.constant('speculate' as const), names, endpoint }),
  fc.record({ kind: fc.constant('confirm' as const), names, endpoint, cached: fc.nat(12) }),
  fc.record({ kind: fc.constant('remove' as const), names, endpoint, from: fc.nat(12) }),
  fc.record({ kind: fc.constant('forget' as const), endpoint }),
  fc.record({ kind: fc.constant('wait' as const), ticks: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ kind: fc.constant('flood' as const), endpoint, blocks: fc.nat(300) }),
  fc.record({ kind: fc.constant('sweep' as const), entries: fc.nat(20_000) }),
);

/** Carries the steps out, and hands to `check` what the ledger says of every prompt that was in them, and of others. */
function compare(
  steps: readonly Step[],
  asked: readonly number[],
  check: (
    said: { readonly blocks: number; readonly names: readonly number[] },
    of: Compared,
  ) => void,
): void {
  const clock = new VirtualClock();
  const ledger = PrefixLedger.create(clock, {
    endpointsMax,
    ledgerBytes: 2 ** 20,
    speculativeMs,
    capacityBlocks,
  });
  const model = new LedgerModel();
  for (const one of steps) apply(one, { ledger, model, clock });
  const matchedBlocks = new Int32Array(endpointsMax);
  for (const names of [asked, ...steps.flatMap((one) => ('names' in one ? [one.names] : []))]) {
    const most = ledger.match(chainOf(names), matchedBlocks);
    assert.equal(most, Math.max(...matchedBlocks));
    for (const [endpoint, blocks] of matchedBlocks.entries())
      check({ blocks, names }, { model, endpoint });
  }
}

interface Compared {
  readonly model: LedgerModel;
  readonly endpoint: number;
}

test('the ledger tells what a map of everything would tell, of engines that keep beginnings longest', () => {
  const whole = step.filter(({ kind }) => kind !== 'remove' && kind !== 'speculate');
  fc.assert(
    fc.property(fc.array(whole, { maxLength: 60 }), names, (steps, asked) => {
      compare(steps, asked, (said, { model, endpoint: of }) =>
        assert.equal(said.blocks, model.match(said.names, of)),
      );
    }),
    { numRuns: 300 },
  );
});

test('whatever was removed and supposed, the first and the last block of a match are held', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), names, (steps, asked) => {
      compare(steps, asked, ({ blocks, names: of }, { model, endpoint: at }) => {
        assert.ok(blocks >= model.match(of, at), 'no less than what is held without a gap');
        if (blocks === 0) return;
        assert.ok(model.isHeld(of, 0, at) && model.isHeld(of, blocks - 1, at));
        assert.ok(blocks === of.length || !model.isHeld(of, blocks, at));
      });
    }),
    { numRuns: 300 },
  );
});

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

function apply(
  one: Step,
  { ledger, model, clock }: { ledger: PrefixLedger; model: LedgerModel; clock: VirtualClock },
): void {
  switch (one.kind) {
    case 'speculate':
      ledger.speculate(chainOf(one.names), one.endpoint);
      return model.speculate(one.names, one.endpoint);
    case 'confirm':
      ledger.confirm(chainOf(one.names), one.endpoint, one.cached);
      return model.confirm(one.names, one.endpoint, one.cached);
    case 'remove':
      ledger.remove(chainOf(one.names), one.endpoint, one.from);
      return model.remove(one.names, one.endpoint, one.from);
    case 'forget':
      ledger.forgetEndpoint(one.endpoint);
      model.forget(one.endpoint);
      // In the tick of the forgetting a dispatch is not told from what came before it.
      clock.advance(tickMs);
      model.tick += 1;
      return undefined;
    case 'wait':
      clock.advance(one.ticks * tickMs);
      model.tick += one.ticks;
      return undefined;
    case 'flood': {
      // A capacity of 256 blocks makes an epoch one block, so that counts are exact.
      const flood = Array.from({ length: one.blocks }, (_, at) => 1_000 + at);
      ledger.confirm(chainOf(flood), one.endpoint, 0);
      return model.confirm(flood, one.endpoint, 0);
    }
    case 'sweep':
      return ledger.sweep(one.entries);
  }
}
