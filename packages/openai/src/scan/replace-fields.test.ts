import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FieldReplacements, replaceFields } from './replace-fields.ts';
import { scanBody } from './scan-body.ts';
import { scannedFields } from './scanned-field.ts';

function replaced(text: string, replacements: FieldReplacements): string {
  const scan = scanBody(Buffer.from(text));
  assert.equal(scan.kind, 'scanned');
  return Buffer.concat(replaceFields(scan.body, replacements)).toString();
}

test('replaces values and leaves every other byte as it is', () => {
  assert.equal(
    replaced(' { "model" : "alias" , "x":1.0e0, "stream" :true}\n', {
      model: 'smol',
      stream: false,
    }),
    ' { "model" : "smol" , "x":1.0e0, "stream" :false}\n',
  );
});

test('adds fields that are absent', () => {
  const stream_options = { include_usage: true };
  assert.equal(replaced('{}', { model: 'a' }), '{"model":"a"}');
  assert.equal(
    replaced('{ "stream":true}', { model: 'a', stream_options }),
    '{"model":"a","stream_options":{"include_usage":true}, "stream":true}',
  );
});

test('shares the memory of what it does not replace', () => {
  const scan = scanBody(Buffer.from('{"model":"a","prompt":"long"}'));
  assert.equal(scan.kind, 'scanned');
  const [head, , tail] = replaceFields(scan.body, { model: 'b' });
  assert.equal(head?.buffer, scan.body.bytes.buffer);
  assert.equal(tail?.buffer, scan.body.bytes.buffer);
});

test('replaces as assignment to the parsed body does', () => {
  const fields = fc.dictionary(
    fc.oneof(
      fc.constantFrom(...scannedFields),
      fc.string().filter((name) => name !== '__proto__'),
    ),
    fc.jsonValue(),
  );
  const replacements = fc.dictionary(fc.constantFrom(...scannedFields), fc.jsonValue());
  const property = fc.property(fields, replacements, fc.nat({ max: 2 }), (body, values, indent) => {
    const result = replaced(JSON.stringify(body, undefined, indent), values);
    const expected = JSON.parse(JSON.stringify({ ...body, ...values })) as unknown;
    assert.deepEqual(JSON.parse(result), expected);
  });
  fc.assert(property, { numRuns: 1_000 });
});
