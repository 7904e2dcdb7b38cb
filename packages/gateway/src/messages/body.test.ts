import assert from 'node:assert/strict';
import test from 'node:test';
import { type BodyEnd, BytesBody, discardBody, readBody } from './body.ts';

test('a body that is there is read up to the bound', async () => {
  const whole = await readBody(new BytesBody('four'), 4);
  assert.deepEqual(whole, { kind: 'whole', bytes: Buffer.from('four') });
  assert.deepEqual(await readBody(new BytesBody('fives'), 4), { kind: 'too-large' });
});

test('whoever asks is told once how a body ended', () => {
  const told: BodyEnd[] = [];
  const read = new BytesBody('x');
  read.whenOver((end) => told.push(end));
  discardBody(read);
  read.destroy();
  read.whenOver((end) => told.push(end));
  const destroyed = new BytesBody('x');
  destroyed.destroy();
  destroyed.whenOver((end) => told.push(end));
  assert.deepEqual(told, ['whole', 'whole', 'destroyed']);
});
