import { GatewayError } from '../../errors.ts';
import { decodeMsgpack, type MsgpackBounds, type MsgpackValue } from './msgpack.ts';

/** How an engine names a block; equal names are equal keys of a map. */
export type BlockName = number | bigint | string;

/** What happened in an engine's KV cache. */
export type KvEvent =
  | {
      readonly kind: 'stored';
      readonly blocks: readonly BlockName[];
      /** The block before the first; `undefined` at a prompt's start. */
      readonly parent: BlockName | undefined;
      readonly tokenIds: Int32Array;
      readonly blockSize: number;
      readonly medium: string;
      /** The adapter that the keys were computed with; empty: none. */
      readonly lora: string;
      /** What else than tokens the block depends on (an image, a salt), so that tokens do not name it. */
      readonly hasExtraKeys: boolean;
      /** Of hybrid models: which layers. */
      readonly group: number;
    }
  | {
      readonly kind: 'removed';
      readonly blocks: readonly BlockName[];
      readonly medium: string;
      readonly group: number;
    }
  | { readonly kind: 'cleared' };

/** Events that one message brought. */
export interface KvEventBatch {
  readonly events: readonly KvEvent[];
  /** Events of a kind that is not known. */
  readonly unknown: number;
  readonly dataParallelRank: number | undefined;
}

const bounds: MsgpackBounds = { valuesMax: 4_000_000, depthMax: 8 };

type Fields = Readonly<Record<string, MsgpackValue | undefined>>;

// vLLM, distributed/kv_events.py: structs of msgspec, first as arrays in this order, since PR 42892 as maps.
const fieldsOfBatch = ['ts', 'events', 'data_parallel_rank'];
const fieldsOfEvent: Readonly<Record<string, readonly string[]>> = {
  BlockStored: [
    'block_hashes',
    'parent_block_hash',
    'token_ids',
    'block_size',
    'lora_id',
    'medium',
    'lora_name',
    'extra_keys',
    'group_idx',
  ],
  BlockRemoved: ['block_hashes', 'medium', 'group_idx'],
  AllBlocksCleared: [],
};

/** Reads the payload of one message, in either encoding. Throws `GATEWAY_KV_EVENT_INVALID`. */
export function decodeKvEvents(payload: Uint8Array): KvEventBatch {
  const batch = named(decodeMsgpack(payload, bounds), fieldsOfBatch, 0);
  const list = batch?.['events'];
  if (!Array.isArray(list)) throw invalid('a batch has no list of events');
  const events = (list as readonly MsgpackValue[]).map(readEvent);
  const known = events.filter((event) => event !== undefined);
  const rank = batch?.['data_parallel_rank'];
  return {
    events: known,
    unknown: events.length - known.length,
    dataParallelRank: typeof rank === 'number' ? rank : undefined,
  };
}

function readEvent(value: MsgpackValue): KvEvent | undefined {
  const tag = Array.isArray(value) ? (value[0] as MsgpackValue) : mapOf(value)?.['type'];
  if (typeof tag !== 'string') throw invalid('an event says not what it is');
  const names = Object.hasOwn(fieldsOfEvent, tag) ? fieldsOfEvent[tag] : undefined;
  if (names === undefined) return undefined;
  const fields = named(value, names, 1) as Fields;
  if (tag === 'AllBlocksCleared') return { kind: 'cleared' };
  const common = {
    blocks: blockNames(fields['block_hashes']),
    medium: textOf(fields['medium'], 'GPU'),
    group: numberOf(fields['group_idx'], 0),
  };
  if (tag === 'BlockRemoved') return { kind: 'removed', ...common };
  return { kind: 'stored', ...common, ...readStored(fields, common.blocks.length) };
}

function readStored(
  fields: Fields,
  blockCount: number,
): Pick<
  Extract<KvEvent, { kind: 'stored' }>,
  'parent' | 'tokenIds' | 'blockSize' | 'lora' | 'hasExtraKeys'
> {
  const { token_ids: tokens, parent_block_hash: parent, extra_keys: extra } = fields;
  const blockSize = numberOf(fields['block_size'], 0);
  if (!Array.isArray(tokens) || !(blockSize > 0)) throw invalid('a stored block has no tokens');
  if (tokens.length !== blockCount * blockSize)
    throw invalid(`${blockCount} blocks of ${blockSize} have ${tokens.length} tokens`);
  const lora = fields['lora_name'] ?? fields['lora_id'];
  return {
    parent: parent === null || parent === undefined ? undefined : blockName(parent),
    tokenIds: Int32Array.from(tokens as readonly MsgpackValue[], (token) => numberOf(token, -1)),
    blockSize,
    lora: typeof lora === 'string' || typeof lora === 'number' ? `${lora}` : '',
    hasExtraKeys: Array.isArray(extra) && extra.some((keys) => keys !== null),
  };
}

function named(
  value: MsgpackValue,
  names: readonly string[],
  tagCount: number,
): Fields | undefined {
  if (!Array.isArray(value)) return mapOf(value);
  const list = value as readonly MsgpackValue[];
  return Object.fromEntries(names.map((name, at) => [name, list[at + tagCount]]));
}

function mapOf(value: MsgpackValue): Fields | undefined {
  const isMap = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
  return isMap && !Array.isArray(value) ? (value as Fields) : undefined;
}

function blockNames(value: MsgpackValue | undefined): readonly BlockName[] {
  if (!Array.isArray(value)) throw invalid('an event names no blocks');
  return (value as readonly MsgpackValue[]).map(blockName);
}

function blockName(value: MsgpackValue): BlockName {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  throw invalid('a block is named by neither a number nor bytes');
}

function numberOf(value: MsgpackValue | undefined, otherwise: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : otherwise;
}

function textOf(value: MsgpackValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function invalid(why: string): GatewayError {
  return new GatewayError(`decode a KV event: ${why}`, { code: 'GATEWAY_KV_EVENT_INVALID' });
}
