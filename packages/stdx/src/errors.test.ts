import assert from 'node:assert/strict';
import test from 'node:test';
import { assert as claim, assertDefined, AssertionError, assertNever } from './assert.ts';
import { FaultError, messageOf, UnsupportedError } from './errors.ts';

test('a fault carries its code and its cause', () => {
  const cause = new Error('disk');
  const fault = new FaultError('read model', { code: 'LLAMA_MODEL_UNREADABLE', cause });
  assert.equal(fault.code, 'LLAMA_MODEL_UNREADABLE');
  assert.equal(fault.cause, cause);
  assert.ok(!('cause' in new FaultError('read model', { code: 'X' })));
});

test('a missing feature names what would bring it', () => {
  const missing = new UnsupportedError('attach', {
    code: 'BPF_UNSUPPORTED',
    needs: 'kernel >= 5.8',
  });
  assert.equal(missing.needs, 'kernel >= 5.8');
  assert.ok(missing instanceof FaultError);
});

test('anything thrown has a message', () => {
  assert.equal(messageOf(new Error('one')), 'one');
  assert.equal(messageOf('two'), 'two');
  assert.equal(messageOf(undefined), 'undefined');
});

test('a claim that does not hold is a bug, not a fault', () => {
  assert.throws(() => claim(false, 'never'), AssertionError);
  assert.doesNotThrow(() => claim(true, 'always'));
  assert.ok(!(new AssertionError('bug') instanceof FaultError));
});

test('what is there is returned, also when it is false or empty', () => {
  assert.equal(assertDefined(0, 'there'), 0);
  assert.equal(assertDefined('', 'there'), '');
  assert.throws(() => assertDefined(undefined, 'gone'), AssertionError);
  assert.throws(() => assertDefined(null, 'gone'), AssertionError);
});

test('a case that cannot be names the value', () => {
  assert.throws(() => assertNever('odd' as never), /odd/);
});
