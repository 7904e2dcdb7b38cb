import type { Batch, Context } from '@millrace/llama';
import { assert, assertDefined } from '@millrace/stdx';
import { EngineError } from '../errors.ts';
import type { KvOperation } from '../kv-cache/prefix.ts';
import type { SlotPool } from '../kv-cache/slot-pool.ts';
import type { PlanEntry, PoolBatch } from '../scheduler/step-plan.ts';

/** Where to read the logits of an entry after its batch has been decoded. */
export interface EntryOutput {
  readonly entry: PlanEntry;
  readonly context: Context;
  readonly batchIndex: number;
}

/** A context, its batch, and the stream copies that libllama has promised but not made. */
interface OpenPool {
  readonly context: Context;
  readonly batch: Batch;
  /** Slots whose cells are read or written by copies that libllama makes at the next decode. */
  readonly copying: Set<number>;
}

/** Fills a padding token's place; what it computes is thrown away. */
const paddingToken = 0;

/** The contexts behind the ledger's pools. Carries out plans; decides nothing. */
export class ContextPools implements Disposable {
  readonly #pools: (OpenPool | undefined)[];

  /** A pool may start without a context, and is given one by `replace`. */
  constructor(contexts: readonly (Context | undefined)[]) {
    this.#pools = contexts.map((context) => (context === undefined ? undefined : open(context)));
  }

  /** Carries out operations in order. */
  async apply(operations: readonly KvOperation[]): Promise<void> {
    for (const operation of operations) await this.#applyOne(operation);
  }

  /** Computes a batch, and says where its outputs are. */
  async decode(batch: PoolBatch): Promise<readonly EntryOutput[]> {
    const pool = this.#pool(batch.pool);
    const outputs = fillBatch(pool, batch.entries);
    pool.copying.clear();
    const outcome = await pool.context.decode(pool.batch);
    if (outcome.kind !== 'decoded') {
      throw new EngineError(
        `decode ${pool.batch.count} tokens: libllama says "${outcome.kind}" where the ledger had room`,
        { code: 'ENGINE_FAILED' },
      );
    }
    return outputs;
  }

  /** Puts a larger context in a pool's place, with everything that its slots hold, and closes the old one. */
  async replace(slots: SlotPool, context: Context): Promise<void> {
    const old = this.#pools[slots.index];
    const fresh = open(context);
    if (old !== undefined) {
      await this.#settleCopies(old);
      for (const slot of slots.slots) {
        if (slot.prefix === undefined || slot.prefix.length === 0) continue;
        transfer({ from: old.context, fromSlot: slot.index, to: context, toSlot: slot.index });
      }
      close(old);
    }
    this.#pools[slots.index] = fresh;
  }

  [Symbol.dispose](): void {
    for (const pool of this.#pools.splice(0)) if (pool !== undefined) close(pool);
  }

  async #applyOne(operation: KvOperation): Promise<void> {
    switch (operation.kind) {
      case 'copy': {
        const pool = this.#pool(operation.pool);
        pool.context.copySequence(operation.from, operation.to);
        pool.copying.add(operation.from).add(operation.to);
        break;
      }
      case 'share':
        this.#pool(operation.pool).context.shareCells(
          operation.from,
          operation.to,
          operation.length,
        );
        break;
      case 'cut':
        this.#pool(operation.pool).context.removeCells(operation.slot, operation.length);
        break;
      case 'carry': {
        const from = await this.#settled(operation.from.pool, operation.from.slot);
        const to = await this.#settled(operation.to.pool, operation.to.slot);
        transfer({ from, fromSlot: operation.from.slot, to, toSlot: operation.to.slot });
        break;
      }
      case 'save': {
        const context = await this.#settled(operation.pool, operation.slot);
        operation.into.state = context.saveSequence(operation.slot);
        break;
      }
      case 'restore': {
        const context = await this.#settled(operation.pool, operation.slot);
        const state = assertDefined(operation.from.state, 'what is restored was saved');
        restore(context, operation.slot, state);
        break;
      }
    }
  }

  /** The pool's context, with no copy outstanding that reads or writes the slot. */
  async #settled(index: number, slot: number): Promise<Context> {
    const pool = this.#pool(index);
    if (pool.copying.has(slot)) await this.#settleCopies(pool);
    return pool.context;
  }

  /**
   * Makes libllama carry out its copies, which it does at the start of a decode (llama.cpp, src/llama-kv-cache.cpp,
   * update): one throwaway token in a slot that has room for it.
   */
  async #settleCopies(pool: OpenPool): Promise<void> {
    if (pool.copying.size === 0) return;
    const { context, batch } = pool;
    for (let slot = 0; slot < context.sequencesMax; slot++) {
      const position = context.lastPosition(slot) + 1;
      if (position >= context.cellsPerSequence) continue;
      batch.clear();
      batch.add(paddingToken, position, slot, false);
      pool.copying.clear();
      await context.decode(batch);
      context.removeCells(slot, position);
      return;
    }
    throw new EngineError('settle stream copies: every stream is full', { code: 'ENGINE_FAILED' });
  }

  #pool(index: number): OpenPool {
    return assertDefined(this.#pools[index], 'a pool is open when it is used');
  }
}

function open(context: Context): OpenPool {
  return { context, batch: context.createBatch(), copying: new Set() };
}

function close(pool: OpenPool): void {
  pool.batch[Symbol.dispose]();
  pool.context[Symbol.dispose]();
}

function fillBatch(pool: OpenPool, entries: readonly PlanEntry[]): readonly EntryOutput[] {
  const { batch, context } = pool;
  const outputs: EntryOutput[] = [];
  batch.clear();
  for (const entry of entries) {
    const { sequence, fromPosition, slot } = entry;
    const tokens = sequence.tokens;
    const realCount = entry.tokenCount - entry.paddingCount;
    for (let at = 0; at < entry.tokenCount; at++) {
      const isLast = at === realCount - 1 && entry.wantsLogits;
      const token = at < realCount ? (tokens[fromPosition + at] as number) : paddingToken;
      const batchIndex = batch.add(token, fromPosition + at, slot, isLast);
      if (isLast) outputs.push({ entry, context, batchIndex });
    }
  }
  assert(batch.count > 0, 'a batch has tokens');
  return outputs;
}

function transfer(step: {
  readonly from: Context;
  readonly fromSlot: number;
  readonly to: Context;
  readonly toSlot: number;
}): void {
  restore(step.to, step.toSlot, step.from.saveSequence(step.fromSlot));
}

function restore(context: Context, slot: number, state: Uint8Array): void {
  if (context.restoreSequence(slot, state)) return;
  throw new EngineError(
    `restore ${state.length} bytes of keys and values into slot ${slot}: libllama refused them`,
    { code: 'ENGINE_FAILED' },
  );
}
