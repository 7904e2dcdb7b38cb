import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanBody } from './scan-body.ts';
import { scannedFields } from './scanned-field.ts';

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const number = fc.stringMatching(/^-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?$/);
const stringPiece = fc.oneof(
  fc.stringMatching(/^[ !#-[\]-~]{0,40}$/),
  fc.stringMatching(/^\\u[0-9a-fA-F]{4}$/),
  fc.stringMatching(/^\\["\\/bfnrt]$/),
  fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => JSON.stringify(text).slice(1, -1)),
);
const string = fc.array(stringPiece, { maxLength: 4 }).map((pieces) => `"${pieces.join('')}"`);
/** A field's name, some of its letters escaped. */
const fieldName = fc
  .tuple(fc.constantFrom(...scannedFields, '__proto__', 'x'), fc.infiniteStream(fc.boolean()))
  .map(([name, escapes]) => {
    const letters = Array.from(name, (letter) => {
      const isEscaped = escapes.next().value === true && name.length < 7;
      return isEscaped ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter;
    });
    return `"${letters.join('')}"`;
  });

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom('null', 'true', 'false'),
    number,
    string,
    tie('array'),
    tie('object'),
  ),
  array: fc
    .tuple(space, fc.array(fc.tuple(space, tie('value'), space), { maxLength: 3 }))
    .map(([inner, items]) => `[${items.map((item) => item.join('')).join(',') || inner}]`),
  object: members(fc.oneof(string, fieldName), tie('value')),
}));
const body = fc
  .tuple(space, members(fc.oneof(fieldName, fieldName, string), value), space)
  .map((parts) => parts.join(''));

function members(
  name: fc.Arbitrary<string>,
  memberValue: fc.Arbitrary<unknown>,
): fc.Arbitrary<string> {
  const member = fc
    .tuple(space, name, space, space, memberValue, space)
    .map(([a, key, b, c, text, d]) => `${a}${key}${b}:${c}${String(text)}${d}`);
  return fc
    .tuple(space, fc.array(member, { maxLength: 5 }))
    .map(([inner, list]) => `{${list.join(',') || inner}}`);
}

/** A change to some bytes: so many taken away, others put in their place. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  taken: fc.integer({ min: 0, max: 2 }),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 2 }),
    fc
      .constantFrom(
        ...['"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', '\n', '\u0000', '\u001f'],
        ...['\ufeff', '\ufffd', '\u2028', '\\u12', '\\x', 'nul', '01', '1.', '+1', 'é', '\u00a0'],
      )
      .map((text) => new Uint8Array(Buffer.from(text))),
  ),
});

function parsedByOracle(bytes: Buffer): Record<string, unknown> | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A name that is one escape. V8 14.6 misreads it where the same place of an object seen before had the name "\\":
 * after `JSON.parse('{"\\\\":1}')`, `JSON.parse('{"\\u006e":1}')` has that name instead of "n".
 */
const nameOfOneEscape = /"\\(?:u[0-9a-f]{4}|[^u])"\s*:/i;

/** The scan takes what `JSON.parse` takes, and finds the values that it finds. */
function checkAgainstOracle(bytes: Buffer): void {
  if (nameOfOneEscape.test(bytes.toString())) return;
  const expected = parsedByOracle(bytes);
  const scan = scanBody(bytes);
  assert.equal(scan.kind, expected === undefined ? 'malformed' : 'scanned', bytes.toString());
  if (scan.kind === 'malformed') {
    assert.ok(scan.problem.byteOffset >= 0 && scan.problem.byteOffset <= bytes.length);
    assert.match(scan.problem.message, /at byte \d+/);
    return;
  }
  assert.ok(expected !== undefined);
  for (const field of scannedFields)
    assert.deepEqual(
      scan.body.decode(field),
      Object.hasOwn(expected, field) ? expected[field] : undefined,
    );
}

test('takes every JSON object and finds its fields as JSON.parse does', () => {
  const property = fc.property(body, fc.nat({ max: 7 }), (text, padding) => {
    // Different places in memory, so that words of four bytes begin at each of their bytes.
    const bytes = Buffer.from(`${'#'.repeat(padding)}${text}`).subarray(padding);
    assert.notEqual(parsedByOracle(bytes), undefined);
    checkAgainstOracle(bytes);
  });
  fc.assert(property, { numRuns: 4_000 });
});

test('takes and refuses bodies with changed bytes as JSON.parse does', () => {
  const property = fc.property(
    body,
    fc.array(mutation, { minLength: 1, maxLength: 3 }),
    (text, changes) => {
      let bytes = Buffer.from(text);
      for (const { at, taken, put } of changes) {
        const index = Math.floor(at * (bytes.length + 1));
        bytes = Buffer.concat([bytes.subarray(0, index), put, bytes.subarray(index + taken)]);
      }
      checkAgainstOracle(bytes);
    },
  );
  fc.assert(property, { numRuns: 8_000 });
});

test('takes and refuses any bytes within a string as JSON.parse does', () => {
  const property = fc.property(
    fc.uint8Array({ minLength: 0, maxLength: 60 }),
    fc.nat({ max: 40 }),
    (content, padding) => {
      const bytes = Buffer.concat([
        Buffer.from(`{"user":"${'x'.repeat(padding)}`),
        content,
        Buffer.from('"}'),
      ]);
      checkAgainstOracle(bytes);
    },
  );
  fc.assert(property, { numRuns: 4_000 });
});

test('finds each byte that ends a run of a string, wherever it stands', () => {
  for (let byte = 0; byte < 128; byte++) {
    for (let at = 0; at < 40; at++) {
      const text = Buffer.from(`{"user":"${'~'.repeat(40)}"}`);
      text[9 + at] = byte;
      checkAgainstOracle(text);
    }
  }
});
