import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KnownTexts } from './known-texts.ts';
import { RoutingFields } from './routing-fields.ts';
import { scanBody } from './scan-body.ts';

test('a text is what JSON.parse makes of it, whichever texts were read before it', () => {
  const text = fc.oneof(
    fc.constantFrom('', 'mock', 'mocj', 'smol', 'm'.repeat(62), 'm'.repeat(64), 'a\\', '"'),
    fc.string({ unit: 'grapheme', maxLength: 70 }),
  );
  const property = fc.property(fc.array(text, { maxLength: 100 }), (texts) => {
    const known = new KnownTexts();
    for (const each of [...texts, ...texts]) {
      const json = JSON.stringify(each);
      const bytes = Buffer.from(`x${json}y`);
      assert.equal(known.read(bytes, 1, bytes.length - 1), each);
    }
  });
  fc.assert(property, { numRuns: 200 });
});

test('a number is what JSON.parse makes of it', () => {
  const number = fc.oneof(
    fc.nat().map(String),
    fc.maxSafeNat().map(String),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
    fc.constantFrom(
      '-0',
      '0',
      '1e3',
      '1.50',
      '999999999999999',
      '1000000000000000',
      '1'.repeat(400),
    ),
  );
  const property = fc.property(number, (text) => {
    const scan = scanBody(Buffer.from(`{"max_tokens":${text}}`));
    assert.equal(scan.kind, 'scanned');
    assert.equal(new RoutingFields(scan.body).outputTokensMax, JSON.parse(text));
  });
  fc.assert(property, { numRuns: 500 });
});
