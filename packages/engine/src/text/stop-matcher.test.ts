import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StopMatcher } from './stop-matcher.ts';

test('cuts the text before a stop string that spans pieces', () => {
  const matcher = new StopMatcher(['###']);
  assert.deepEqual(matcher.push('one #'), { text: 'one ' });
  assert.deepEqual(matcher.push('#'), { text: '' });
  assert.deepEqual(matcher.push('# two'), { text: '', stop: '###' });
});

test('gives back what was withheld when it became no stop string', () => {
  const matcher = new StopMatcher(['</end>']);
  assert.deepEqual(matcher.push('a</e'), { text: 'a' });
  assert.deepEqual(matcher.push('</e'), { text: '</e' });
  assert.equal(matcher.end(), '</e');
  assert.equal(matcher.end(), '');
});

test('withholds no more than the longest possible beginning', () => {
  const matcher = new StopMatcher(['aab']);
  assert.deepEqual(matcher.push('aaaa'), { text: 'aa' });
  assert.deepEqual(matcher.push('b'), { text: '', stop: 'aab' });
});

test('prefers the longest of stop strings that are complete at one character', () => {
  assert.deepEqual(new StopMatcher(['c', 'abc', 'bc']).push('xabcx'), { text: 'x', stop: 'abc' });
});

test('ends at the stop string that is complete first', () => {
  assert.deepEqual(new StopMatcher(['\n\n', '\n']).push('line\n\n'), { text: 'line', stop: '\n' });
});

test('leaves empty stop strings out', () => {
  assert.deepEqual(new StopMatcher(['']).push('text'), { text: 'text' });
});

test('never cuts a character that shares its first half with a stop string', () => {
  const matcher = new StopMatcher(['😀']);
  assert.deepEqual(matcher.push('😁'), { text: '😁' });
  assert.deepEqual(matcher.push('😀'), { text: '', stop: '😀' });
});

test('refuses text after a stop string', () => {
  const matcher = new StopMatcher(['x']);
  matcher.push('x');
  assert.throws(() => matcher.push('y'), /after a stop string/);
});
