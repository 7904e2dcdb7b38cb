import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanBounds } from '../options.ts';
import { RoutingFields } from './routing-fields.ts';
import { scanBody } from './scan-body.ts';
import { indexOfField } from './scanned-field.ts';
import type { ScanProblem } from './scan-problem.ts';
import type { ScannedBody } from './scanned-body.ts';

function scanned(text: string): ScannedBody {
  const scan = scanBody(Buffer.from(text));
  assert.equal(scan.kind, 'scanned');
  return scan.body;
}

function problemOf(bytes: string | Buffer): ScanProblem {
  const scan = scanBody(Buffer.from(bytes as string));
  assert.equal(scan.kind, 'malformed');
  return scan.problem;
}

function fieldsOf(body: ScannedBody): Record<string, unknown> {
  const fields = new RoutingFields(body);
  const names = Object.keys(Object.getOwnPropertyDescriptors(RoutingFields.prototype)).filter(
    (name): name is keyof RoutingFields => name !== 'constructor',
  );
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}

test('reads the fields by which a request is routed', () => {
  const body = scanned(
    JSON.stringify({
      messages: [{ role: 'user', content: 'Hi' }],
      model: 'smol',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 5,
      max_completion_tokens: 7,
      n: 2,
      user: 'ann',
      prompt_cache_key: 'key',
      priority: -1,
      tools: [{ type: 'function' }],
    }),
  );
  assert.deepEqual(fieldsOf(body), {
    namesModel: true,
    model: 'smol',
    isStream: true,
    includesUsage: true,
    outputTokensMax: 7,
    choiceCount: 2,
    user: 'ann',
    sessionKey: 'key',
    priority: -1,
    hasTools: true,
    promptBytes: '[{"type":"function"}][{"role":"user","content":"Hi"}]'.length,
  });
});

test('takes absent fields and those of another kind as not given', () => {
  const body = scanned('{"model":3,"stream":"yes","stream_options":true,"n":null,"tools":[ ]}');
  assert.deepEqual(fieldsOf(body), {
    namesModel: true,
    model: undefined,
    isStream: false,
    includesUsage: false,
    outputTokensMax: undefined,
    choiceCount: 1,
    user: undefined,
    sessionKey: undefined,
    priority: undefined,
    hasTools: false,
    promptBytes: 3,
  });
  assert.equal(body.kindOf('model'), 'number');
  assert.equal(body.kindOf('n'), 'null');
  assert.equal(body.kindOf('user'), undefined);
});

test('finds top-level fields only', () => {
  const body = scanned('{"metadata":{"model":"inner"},"messages":[{"model":"deeper"}]}');
  assert.equal(body.textAt(indexOfField('model')), undefined);
});

test('reads names and values with escapes', () => {
  const body = scanned(String.raw`{"mod\u0065l":"a\"\u00e9","\ud800":1}`);
  assert.equal(body.textAt(indexOfField('model')), 'a"é');
});

test('lets the last of repeated fields count, and says which are repeated', () => {
  const body = scanned(
    '{"model":"a","stream_options":{"include_usage":true,"include_usage":false},"model":"b"}',
  );
  assert.equal(body.textAt(indexOfField('model')), 'b');
  assert.equal(body.includesUsage, false);
  assert.deepEqual(body.repeated, ['model']);
});

test('says where a body stops being JSON, and in which field', () => {
  assert.deepEqual(problemOf('{"model":"a","n":01}'), {
    code: 'unexpected_byte',
    byteOffset: 18,
    message: 'at byte 18 there is "1" where "," or "}" must stand',
  });
  assert.deepEqual(problemOf('{"model":"a","n":-}'), {
    code: 'bad_number',
    byteOffset: 18,
    field: 'n',
    message: 'at byte 18, in "n", there is "}" where a digit must stand',
  });
  assert.deepEqual(problemOf('{"messages":[{"content":"a\nb"}]}'), {
    code: 'control_character',
    byteOffset: 26,
    field: 'messages',
    message: String.raw`at byte 26, in "messages", there is the byte 0x0a where an escape such as "\n" must stand`,
  });
});

test('names each way of not being taken', () => {
  const expected: readonly (readonly [string | Buffer, string, number])[] = [
    ['', 'unexpected_end', 0],
    ['  ', 'unexpected_end', 2],
    ['{"model":"a"', 'unexpected_end', 12],
    ['{"model":"a', 'unexpected_end', 11],
    ['{"model":tru}', 'unexpected_byte', 12],
    ['{"model":"a",}', 'unexpected_byte', 13],
    [String.raw`{"model":"\x"}`, 'bad_escape', 11],
    [String.raw`{"model":"\u00g0"}`, 'bad_escape', 14],
    ['{"n":1.}', 'bad_number', 7],
    ['[]', 'not_an_object', 0],
    ['"text"', 'not_an_object', 0],
    ['model=a', 'unexpected_byte', 0],
    ['{} {}', 'trailing_bytes', 3],
    ['\ufeff{}', 'byte_order_mark', 0],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'not_utf8', 2],
    [
      Buffer.concat([Buffer.from('{"a\ufffdé":"'), Buffer.from([0xed, 0xa0, 0x80])]),
      'not_utf8',
      11,
    ],
  ];
  for (const [bytes, code, byteOffset] of expected) {
    const problem = problemOf(bytes);
    assert.deepEqual([problem.code, problem.byteOffset], [code, byteOffset], String(bytes));
  }
});

test('takes values nested as deep as the bound, and refuses deeper ones', () => {
  const nested = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  scanned(nested(scanBounds.depthMax - 1));
  const problem = problemOf(nested(scanBounds.depthMax));
  assert.equal(problem.code, 'nested_too_deep');
  assert.equal(problem.field, 'a');
});

test('quotes a long name in part', () => {
  const problem = problemOf(`{"${'n'.repeat(1000)}":}`);
  assert.ok(problem.message.length < 200, problem.message);
});
