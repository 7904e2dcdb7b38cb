import assert from 'node:assert/strict';
import test from 'node:test';
import type { HealthBounds } from '../options.ts';
import { EndpointHealth } from './endpoint-health.ts';

const bounds: HealthBounds = {
  failuresMax: 2,
  serverErrorsMax: 3,
  ejectionMs: 1000,
  ejectionMsMax: 3000,
};

function serving(): EndpointHealth {
  const health = new EndpointHealth(bounds);
  health.noteLookSucceeded(0);
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
  health.noteStatus(200, 5);
  health.noteUnanswered('reset');
  assert.equal(health.state, 'serving', 'they were not in a row');
  health.noteUnanswered('reset');
  assert.equal(health.state, 'failing');
  health.noteLookSucceeded(10);
  assert.equal(health.state, 'serving');
  assert.equal(health.reason, '');
});

test('is ejected after failures of its own, for longer each time, up to a bound', () => {
  const health = serving();
  const rests: number[] = [];
  let nowMs = 0;
  for (let time = 0; time < 4; time++) {
    for (let count = 0; count < bounds.serverErrorsMax; count++) health.noteStatus(500, nowMs);
    assert.equal(health.state, 'ejected');
    const fromMs = nowMs;
    while (health.state === 'ejected') health.noteLookSucceeded((nowMs += 100));
    rests.push(nowMs - fromMs);
  }
  assert.deepEqual(rests, [1000, 2000, 3000, 3000]);
});

test('being full is no failure', () => {
  const health = serving();
  for (let count = 0; count < 10; count++) health.noteStatus(503, 0);
  for (let count = 0; count < 10; count++) health.noteStatus(429, 0);
  assert.equal(health.state, 'serving');
});
