import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { multipartField, withMultipartField } from './multipart-field.ts';

async function formOf(form: FormData): Promise<{ readonly body: Buffer; readonly type: string }> {
  const response = new Response(form);
  const type = response.headers.get('content-type') ?? '';
  return { body: Buffer.from(await response.arrayBuffer()), type };
}

test('finds a field among files and other fields, as a platform writes them', async () => {
  const file = fc.uint8Array({ maxLength: 200 });
  const model = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(file, model, fc.boolean(), async (bytes, name, isFirst) => {
      const form = new FormData();
      if (isFirst) form.append('model', name);
      form.append('file', new Blob([new Uint8Array(bytes)]), 'model.wav');
      form.append('language', 'de');
      if (!isFirst) form.append('model', name);
      const { body, type } = await formOf(form);
      const field = multipartField(body, type, 'model');
      // A form writes any line break as one of its own.
      const written = name.replaceAll(/\r\n|\r|\n/g, '\r\n');
      assert.equal(field?.value, written);
      const other = withMultipartField(body, field, 'other');
      assert.equal(multipartField(other, type, 'model')?.value, 'other');
      assert.equal(multipartField(other, type, 'language')?.value, 'de');
      assert.equal(other.length - body.length, 5 - Buffer.byteLength(written));
    }),
  );
});

test('what is no form, or is cut off, has no field', async () => {
  const form = new FormData();
  form.append('file', new Blob(['name="model"']), 'model');
  form.append('prompt', 'x'.repeat(2000));
  const { body, type } = await formOf(form);
  assert.equal(multipartField(body, type, 'model'), undefined);
  assert.equal(multipartField(body, type, 'file'), undefined, 'a file is no field');
  assert.equal(multipartField(body, type, 'prompt'), undefined, 'too long for a name');
  assert.equal(multipartField(body, 'application/json', 'file'), undefined);
  assert.equal(multipartField(body, 'multipart/form-data', 'file'), undefined);
  assert.equal(
    multipartField(Buffer.from('--x\r\n'), 'multipart/form-data; boundary=x', 'a'),
    undefined,
  );
});

test('any bytes are taken', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const body = Buffer.from(text.replaceAll('a', '--b\r\n').replaceAll('c', '\r\n\r\n'));
      multipartField(body, 'multipart/form-data; boundary=b', 'model');
    }),
  );
});
