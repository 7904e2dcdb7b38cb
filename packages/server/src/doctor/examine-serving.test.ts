import assert from 'node:assert/strict';
import test from 'node:test';
import { examineServing } from './examine-serving.ts';

test('it is told whether lanes share a port, and by which group keys are agreed on', async () => {
  const [lanes, tls] = await examineServing();
  assert.equal(lanes?.subject, 'lanes');
  assert.match(lanes?.detail ?? '', /SO_REUSEPORT|one lane serves: listen on 127\.0\.0\.1/);
  assert.equal(tls?.state, 'good', 'the pinned Node has the hybrid group');
  assert.match(tls?.detail ?? '', /OpenSSL 3\.\d+\.\d+; keys are agreed on by X25519MLKEM768/);
});
