import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { gatewayDefaults } from '../options.ts';
import { readHead } from './request-head.ts';

const request = [':method', 'GET', ':scheme', 'https', ':path', '/v1/x', ':authority', 'host'];

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 12 }));
const name = fc.oneof(
  text,
  fc.constantFrom(
    'cookie',
    'te',
    'host',
    'connection',
    'x-a',
    'X-B',
    ':path',
    ':method',
    'a b',
    '',
  ),
);
const value = fc.oneof(
  text,
  fc.constantFrom('GET', '/v1/x', '*', '/a b', 'http://h/x', '', '\r\n'),
);

test('whatever a client sends is a head that can be sent on, or is refused with a reason', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (fields) => {
      const head = readHead([...request, ...fields.flat()], gatewayDefaults);
      if ('code' in head) {
        assert.ok(head.status >= 400 && head.message.length > 0);
        return;
      }
      assert.match(head.target, /^[!-~]+$/);
      const lines = head.headers.toBytes().toString('latin1').split('\r\n');
      assert.equal(lines.pop(), '');
      for (const line of lines) assert.match(line, /^[^\s:A-Z]+: [^\r\n\0]*$/);
      assert.ok(
        ['host', 'te', 'connection', 'content-length'].every((one) => !head.headers.has(one)),
      );
    }),
    { numRuns: 2000 },
  );
});

test('fields beyond the bounds are refused by name of the limit', () => {
  const bounds = { headerBytesMax: 1000, headersMax: 5, targetBytesMax: 20 };
  const codeOf = (...more: readonly string[]): unknown => {
    const head = readHead([...request, ...more], bounds);
    return 'code' in head ? [head.status, head.message] : 'taken';
  };
  assert.equal(codeOf('x-a', '1'), 'taken');
  assert.deepEqual(codeOf('x-a', 'x'.repeat(1000)), [431, codeText(1000)]);
  const six = Array.from({ length: 6 }, (_, at) => [`x-${at}`, '']).flat();
  assert.match(String(codeOf(...six)), /431,There are more headers than the limit of 5/);
  assert.match(String(codeOf(':path', `/${'x'.repeat(20)}`)), /414,.*20 bytes/);
});

function codeText(bytes: number): string {
  return `The headers are larger than the limit of ${bytes} bytes.`;
}
