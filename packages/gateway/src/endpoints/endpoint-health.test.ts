import assert from 'node:assert/strict';
import test from 'node:test';
import type { HealthBounds } from '../options.ts';
import { EndpointHealth } from './endpoint-health.ts';

const bounds: HealthBounds = { failuresMax: 2 };

function serving(): EndpointHealth {
  const health = new EndpointHealth(bounds);
  health.noteLookSucceeded();
  return health;
}

test('is unknown until it has been looked at', () => {
  const health = new EndpointHealth(bounds);
  assert.equal(health.state, 'unknown');
  health.noteUnanswered('refused');
  assert.equal(health.state, 'failing', 'the first look decides');
  assert.equal(health.reason, 'refused');
});

test('one lost request does not take an endpoint out, two in a row do, and a look brings it back', () => {
  const health = serving();
  health.noteUnanswered('reset');
  assert.equal(health.state, 'serving');
  health.noteAnswered();
  health.noteUnanswered('reset');
  assert.equal(health.state, 'serving', 'they were not in a row');
  health.noteUnanswered('reset');
  assert.equal(health.state, 'failing');
  health.noteLookSucceeded();
  assert.equal(health.state, 'serving');
  assert.equal(health.reason, '');
});
