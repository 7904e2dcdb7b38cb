import { requestBounds } from '../options.ts';
import { integer, type Reader, refuse, string } from '../parameters/readers.ts';

/** A text, or its tokens. */
export type TextInput =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: Int32Array };

const tokenId = integer(0, requestBounds.tokenIdMax);

/** Reads a string, a list of strings, a list of token ids or a list of such lists: one to `most` texts. */
export function readTexts(most: number): Reader<readonly TextInput[]> {
  return (value, path) => {
    if (typeof value === 'string') return [{ kind: 'text', text: value }];
    const allowed = `a string, token ids, or a list of 1 to ${most} of either`;
    if (!Array.isArray(value)) throw refuse('invalid_type', { path, value }, allowed);
    const entries: readonly unknown[] = value;
    if (entries.length === 0) throw refuse('invalid_value', { path, value }, allowed);
    if (typeof entries[0] === 'number') return [readTokens(entries, path)];
    if (entries.length > most) {
      throw refuse('invalid_value', { path, value }, `${allowed}, and it has ${entries.length}`);
    }
    return entries.map((entry, index) => readText(entry, `${path}[${index}]`));
  };
}

/** Reads a list of token ids. */
export function readTokens(value: unknown, path: string): TextInput {
  if (!Array.isArray(value) || value.length === 0) {
    throw refuse('invalid_type', { path, value }, 'a list of token ids');
  }
  const entries: readonly unknown[] = value;
  const tokens = new Int32Array(entries.length);
  for (const [index, entry] of entries.entries()) {
    // The path is written only for what is refused: a prompt may have a million tokens.
    tokens[index] = typeof entry === 'number' ? entry : -1;
    if (tokens[index] !== entry || entry < 0) tokenId(entry, `${path}[${index}]`);
  }
  return { kind: 'tokens', tokens };
}

function readText(value: unknown, path: string): TextInput {
  if (Array.isArray(value)) return readTokens(value, path);
  return { kind: 'text', text: string(value, path) };
}
