import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { Tally } from './tally.ts';

function passed(name: string, skip?: string | boolean): TestEvent {
  const details = { duration_ms: 1, type: 'test' };
  return {
    type: 'test:pass',
    data: { name, nesting: 0, testNumber: 1, details, ...(skip === undefined ? {} : { skip }) },
  } as unknown as TestEvent;
}

function told(message: string): TestEvent {
  return { type: 'test:diagnostic', data: { message, nesting: 0 } } as unknown as TestEvent;
}

test('adds up the totals of several runs and keeps them out of the report', () => {
  const tally = new Tally();
  for (const message of ['tests 3', 'pass 2', 'tests 4', 'pass 4']) {
    assert.equal(tally.add(told(message)), false);
  }
  assert.equal(tally.add(told('seed 42')), true);
  const messages = tally.totals().map(({ data }) => (data as { message: string }).message);
  assert.deepEqual(messages, ['tests 7', 'pass 6']);
});

test('groups skipped tests by their reason', () => {
  const tally = new Tally();
  for (const event of [
    passed('a', 'needs a model'),
    passed('b', 'needs a model'),
    passed('c'),
    passed('d', true),
  ]) {
    assert.equal(tally.add(event), true);
  }
  assert.equal(tally.ran, 4);
  assert.deepEqual(tally.skippedReasons, ['needs a model', 'no reason given']);
  assert.match(tally.describeSkips(), /2 × needs a model\n {2}1 × no reason given/);
});

test('says nothing where nothing was skipped', () => {
  const tally = new Tally();
  tally.add(passed('a'));
  assert.equal(tally.describeSkips(), '');
});
