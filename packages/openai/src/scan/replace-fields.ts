import type { ScannedBody } from './scanned-body.ts';
import { type ScannedField, scannedFields } from './scanned-field.ts';

/** Values to stand in place of those of a body's fields; a field that the body lacks is added. */
export type FieldReplacements = {
  readonly [Field in ScannedField]?: string | number | boolean | object | null;
};

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The body with other values for some of its fields, as pieces to be sent one after another. What is not replaced is
 * the body's own memory, byte for byte. Of a field that comes more than once, the last is replaced: the one that counts.
 */
export function replaceFields(
  body: ScannedBody,
  replacements: FieldReplacements,
): readonly Buffer[] {
  const edits = editsOf(body, replacements).toSorted((one, other) => one.start - other.start);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of edits) {
    pieces.push(body.bytes.subarray(from, start), Buffer.from(text));
    from = end;
  }
  pieces.push(body.bytes.subarray(from));
  return pieces.filter((piece) => piece.length > 0);
}

function editsOf(body: ScannedBody, replacements: FieldReplacements): readonly Edit[] {
  const edits: Edit[] = [];
  const added: string[] = [];
  for (const field of scannedFields) {
    const value = replacements[field];
    if (value === undefined) continue;
    const text = JSON.stringify(value);
    const range = body.rangeOf(field);
    if (range === undefined) added.push(`${JSON.stringify(field)}:${text}`);
    else edits.push({ ...range, text });
  }
  if (added.length === 0) return edits;
  const afterBrace = body.start + 1;
  const text = `${added.join(',')}${body.memberCount > 0 ? ',' : ''}`;
  return [...edits, { start: afterBrace, end: afterBrace, text }];
}
