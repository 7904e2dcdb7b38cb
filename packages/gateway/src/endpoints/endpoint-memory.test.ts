import assert from 'node:assert/strict';
import test from 'node:test';
import { EndpointTable, PrefixHasher, PrefixLedger } from '@millrace/routing';
import { VirtualClock } from '@millrace/stdx';
import { GatewayError } from '../errors.ts';
import { endpointDefaults } from '../options.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { createEndpointMemory, EndpointPlaces, vitalsOf } from './endpoint-memory.ts';
import { openEndpoint } from './endpoint.ts';
import { promptTokensPerBlock } from './prompt-facts.ts';

const clock = new VirtualClock();

function open(): ReturnType<typeof createEndpointMemory> {
  return createEndpointMemory({ clock, endpointsMax: 2, ledgerBytes: 65_536, lanesMax: 3 });
}

const options = {
  name: 'one',
  url: new URL('http://127.0.0.1:1'),
  kind: undefined,
  models: undefined,
  contextTokensMax: undefined,
  weight: 1,
  authorization: undefined,
};

test('lanes that open the same place see one health and one load', () => {
  const memory = open();
  const parts = { clock, bounds: endpointDefaults, index: 1, memory };
  const [one, other] = [openEndpoint(options, parts), openEndpoint(options, parts)];
  one.health.noteUnanswered('connection refused: ⊘');
  assert.equal(other.health.state, 'failing');
  assert.equal(other.health.reason, 'connection refused: ⊘');
  one.load = { running: 3, waiting: undefined, kvUsage: 0.25, waitingTokens: 0 };
  assert.deepEqual(other.load, { running: 3, waiting: undefined, kvUsage: 0.25, waitingTokens: 0 });
  one.load = undefined;
  assert.equal(other.load, undefined);
  const neighbour = new EndpointHealth(endpointDefaults, vitalsOf(memory, 0).health);
  assert.equal(neighbour.state, 'unknown');
});

test('a reason that is too long is cut between characters', () => {
  const health = new EndpointHealth(endpointDefaults, vitalsOf(open(), 0).health);
  health.noteUnanswered('é'.repeat(400));
  assert.match(health.reason, /^é{100,}$/);
});

test('a place is free again when the last request of an endpoint that left has ended, on whatever lane', () => {
  const memory = open();
  const places = new EndpointPlaces(memory, clock);
  const [first, second] = [places.take(), places.take()];
  assert.deepEqual([first, second], [0, 1]);
  assert.throws(
    () => places.take(),
    (error) => error instanceof GatewayError && error.code === 'GATEWAY_ENDPOINTS_TOO_MANY',
  );
  const lane = EndpointTable.open(memory.table, clock, 2);
  lane.add(second, 'concurrency', 1);
  new EndpointHealth(endpointDefaults, vitalsOf(memory, second).health).noteUnanswered('gone');
  places.leave(second);
  assert.throws(() => places.take(), /1 that left still answer/);
  places.takeBackLane(2);
  assert.equal(places.take(), second);
  const health = new EndpointHealth(endpointDefaults, vitalsOf(memory, second).health);
  assert.equal(health.state, 'unknown', 'nothing of the one before is left');
});

test('a cache of a size that was told is taken to have lost what was used longest ago, until its place goes to another', () => {
  const memory = open();
  const places = new EndpointPlaces(memory, clock);
  const index = places.take();
  const lane = PrefixLedger.open(memory.ledger, clock);
  const hasher = new PrefixHasher();
  const heldBlocks = (prompts: readonly number[]): readonly number[] =>
    prompts.map((prompt) => {
      const { words, blockCount } = hasher.hash(Buffer.alloc(4 * hasher.blockBytes, `p${prompt}`));
      const chain = { words: words.slice(0, 2 * blockCount), first: 0, blockCount };
      const matched = new Int32Array(lane.endpointsMax);
      lane.match(chain, matched);
      if (matched[index] === 0) lane.confirm(chain, index, 0);
      return matched[index] as number;
    });
  const prompts = Array.from({ length: 20 }, (_, prompt) => prompt);
  heldBlocks(prompts);
  assert.deepEqual(
    heldBlocks(prompts),
    prompts.map(() => 4),
    'nothing is lost where no size is known',
  );
  places.setCacheTokens(index, 40 * promptTokensPerBlock);
  heldBlocks(prompts);
  const left = heldBlocks(prompts.toReversed());
  assert.ok(
    left.slice(0, 8).every((held) => held === 4),
    left.join(),
  );
  assert.ok(
    left.slice(12).every((held) => held === 0),
    left.join(),
  );
  places.leave(index);
  assert.equal(places.take(), index);
  heldBlocks(prompts);
  assert.deepEqual(
    heldBlocks(prompts),
    prompts.map(() => 4),
  );
});
