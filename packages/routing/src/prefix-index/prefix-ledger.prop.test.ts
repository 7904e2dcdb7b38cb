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

/** The ledger as one would write it without bounds on memory or time: a map from block and endpoint. */
class LedgerModel {
  readonly held = new Map<string, Held>();
  readonly inserted = Array.from({ length: endpointsMax }, () => 0);
  tick = 0;

  isHeld(name: number, endpoint: number): boolean {
    const held = this.held.get(`${name}@${endpoint}`);
    if (held === undefined) return false;
    return held.kind === 'confirmed'
      ? (this.inserted[endpoint] as number) - held.since <= capacityBlocks
      : this.tick - held.since <= speculativeMs / tickMs;
  }

  match(names: readonly number[], endpoint: number): number {
    const missing = names.findIndex((name) => !this.isHeld(name, endpoint));
    return missing === -1 ? names.length : missing;
  }

  speculate(names: readonly number[], endpoint: number): void {
    for (const name of names) {
      const isConfirmed = this.held.get(`${name}@${endpoint}`)?.kind === 'confirmed';
      if (isConfirmed && this.isHeld(name, endpoint)) continue;
      this.held.set(`${name}@${endpoint}`, { kind: 'speculative', since: this.tick });
    }
  }

  confirm(names: readonly number[], endpoint: number, cachedBlocks: number): void {
    const inserted = (this.inserted[endpoint] as number) + Math.max(0, names.length - cachedBlocks);
    this.inserted[endpoint] = inserted;
    for (const name of names)
      this.held.set(`${name}@${endpoint}`, { kind: 'confirmed', since: inserted });
  }

  remove(names: readonly number[], endpoint: number, fromBlock: number): void {
    for (const name of names.slice(fromBlock)) this.held.delete(`${name}@${endpoint}`);
  }

  forget(endpoint: number): void {
    for (const key of this.held.keys()) if (key.endsWith(`@${endpoint}`)) this.held.delete(key);
  }
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

test('the ledger tells what a map of everything would tell', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), names, (steps, asked) => {
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
      for (const wanted of [
        asked,
        ...steps.flatMap((one) => ('names' in one ? [one.names] : [])),
      ]) {
        ledger.match(chainOf(wanted), matchedBlocks);
        const expected = Array.from({ length: endpointsMax }, (_, at) => model.match(wanted, at));
        assert.deepEqual([...matchedBlocks], expected);
      }
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
