import { assertDefined } from '@millrace/stdx';
import type { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { KvOperation } from '../kv-cache/prefix.ts';
import { cutIntoMicroBatches } from './micro-batches.ts';
import type { PlanEntry, PoolBatch } from './step-plan.ts';
import type { StepWork } from './step-time-predictor.ts';

/** Tokens that a sequence gets in a step. */
export interface Grant {
  readonly tokens: number;
  readonly padding: number;
}

/** Lays the granted tokens out by pool and slot, and says which graphs they make. */
export function planBatches(options: {
  readonly ledger: KvLedger;
  readonly grants: ReadonlyMap<Sequence, number | Grant>;
  readonly operations: readonly KvOperation[];
  readonly microBatchTokensMax: number;
}): { readonly batches: readonly PoolBatch[]; readonly work: StepWork } {
  const byPool = new Map<number, PlanEntry[]>();
  for (const [sequence, granted] of options.grants) {
    const grant = typeof granted === 'number' ? { tokens: granted, padding: 0 } : granted;
    const slot = options.ledger.slotOf(sequence);
    const entries = byPool.get(slot.pool) ?? [];
    byPool.set(slot.pool, entries);
    entries.push({
      sequence,
      slot: slot.index,
      fromPosition: sequence.computed,
      tokenCount: grant.tokens + grant.padding,
      paddingCount: grant.padding,
      wantsLogits: grant.tokens > 0 && grant.tokens === sequence.remaining,
    });
  }
  const batches = [...byPool].map(([pool, entries]): PoolBatch => {
    entries.sort((one, other) => one.slot - other.slot);
    const slots = assertDefined(options.ledger.pools[pool], 'a pool has a valid index');
    const microBatches = cutIntoMicroBatches(entries, {
      layout: slots.shape.layout,
      microBatchTokensMax: options.microBatchTokensMax,
      cellsUsed: slots.cellsUsed,
    });
    return { pool, entries, microBatches };
  });
  const microBatches = batches.flatMap((batch) => batch.microBatches);
  return { batches, work: { microBatches, copiedCells: copiedCells(options) } };
}

/** A stream is copied whole, however little of it is in use. */
function copiedCells(options: {
  readonly ledger: KvLedger;
  readonly operations: readonly KvOperation[];
}): number {
  let cells = 0;
  for (const operation of options.operations) {
    if (operation.kind !== 'copy') continue;
    cells += options.ledger.pools[operation.pool]?.shape.slotTokensMax ?? 0;
  }
  return cells;
}
