import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { fieldBlock } from './field-block.ts';
import { RequestParser } from './request-parser.ts';

const bounds = { targetBytesMax: 100, fieldBytesMax: 10_000, fieldsMax: 40 };
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z-]{1,8}$/),
  fc.constantFrom('te', 'X-Own', 'upgrade', 'keep-alive'),
);
const value = fc.stringMatching(/^(?:[!-~](?:[ -~]{0,10}[!-~])?)?$/);
const space = fc.constantFrom('', ' ', ' ', ' ', '  ', '\t');
const field = fc.tuple(name, space, value, fc.constantFrom('', '', '', ' '));
const dropped = new Set(['te', 'upgrade', 'keep-alive', 'host', 'connection', 'x-own']);

test('the fields that travel on are written alike, however they stood', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), fc.nat(9), (given, base) => {
      const fields = given.filter(([one]) => !/^(host|connection|expect)$/i.test(one));
      const lines = [
        'Host: a',
        ...fields.map(([one, before, text, after]) => `${one}:${before}${text}${after}`),
        'Connection: x-own',
      ];
      const bytes = Buffer.from(
        `${'#'.repeat(base)}GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
      );
      const parser = new RequestParser(bounds);
      parser.reset();
      assert.equal(parser.parse(bytes, base, bytes.length), 'done');
      const block = fieldBlock(parser, bytes, base);
      const kept = fields.filter(([one]) => !dropped.has(one.toLowerCase()));
      const expected = kept.map(([one, , text]) => [one, text.trim()] as const);
      assert.equal(
        block.toBytes().toString('latin1'),
        expected.map(([one, text]) => `${one}: ${text}\r\n`).join(''),
      );
      assert.deepEqual(
        [...block],
        expected.map(([one, text]) => [one.toLowerCase(), text]),
      );
    }),
  );
});
