import assert from 'node:assert/strict';
import test from 'node:test';
import { EventSequence, type NumberedPayload, type SequenceStep } from './event-sequence.ts';

function message(sequence: number): NumberedPayload {
  return { sequence, payload: Buffer.from([sequence]) };
}

function shown(step: SequenceStep): string {
  if (step.kind === 'replay') return `replay from ${step.from}`;
  return 'payloads' in step ? `${step.kind} ${step.payloads.map(([first]) => first)}` : step.kind;
}

test('a gap holds what follows until what was missed has come', () => {
  const sequence = new EventSequence(true);
  assert.equal(shown(sequence.take(message(0))), 'apply 0');
  assert.equal(shown(sequence.take(message(3))), 'replay from 1');
  assert.equal(shown(sequence.take(message(4))), 'pass');
  assert.equal(shown(sequence.replayed([1, 2, 3].map(message))), 'apply 1,2,3,4');
  assert.equal(shown(sequence.take(message(5))), 'apply 5');
});

test('what the engine no longer has is given up, and what follows is taken alone', () => {
  const sequence = new EventSequence(true);
  assert.equal(shown(sequence.take(message(9))), 'replay from 0');
  assert.equal(shown(sequence.replayed([7, 8, 9].map(message))), 'forget 7,8,9');
  assert.equal(shown(sequence.take(message(12))), 'replay from 10');
  assert.equal(shown(sequence.replayed([])), 'forget 12');
  assert.equal(shown(sequence.take(message(13))), 'apply 13');
});

test('without replay one joins wherever the engine stands, and a gap makes all be forgotten', () => {
  const sequence = new EventSequence(false);
  assert.equal(shown(sequence.take(message(40))), 'apply 40');
  assert.equal(shown(sequence.take(message(42))), 'forget 42');
  assert.equal(sequence.gaps, 1);
});

test('an engine that counts from its beginning again is another one', () => {
  const sequence = new EventSequence(true);
  sequence.take(message(0));
  sequence.take(message(1));
  assert.equal(shown(sequence.take(message(0))), 'forget 0');
  assert.equal(shown(sequence.take(message(1))), 'apply 1');
});

test('no more is held than its bound', () => {
  const sequence = new EventSequence(true);
  sequence.take(message(0));
  assert.equal(sequence.take(message(2)).kind, 'replay');
  let last: SequenceStep = { kind: 'pass' };
  for (let number = 3; last.kind === 'pass'; number++) last = sequence.take(message(number));
  assert.equal(last.kind, 'forget');
});
