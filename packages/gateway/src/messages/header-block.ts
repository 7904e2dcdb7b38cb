import { assert } from '@millrace/stdx';

/** Ranges of each field in its block: start and end of the name, start and end of the value. */
const rangesPerField = 4;
const colon = 0x3a;
// What would end a line, or make another of it; text beyond Latin-1 is not what a header carries.
// oxlint-disable-next-line no-control-regex
const forbiddenInValue = /[\u0000-\u0008\u000a-\u001f\u007f\u0100-\uffff]/;
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Field values by name; names are in lower case. */
export type FieldValues = Readonly<Record<string, string | readonly string[]>>;

/**
 * The header fields of a message that travel on, as bytes: each is `name: value` and an end of line, in the order in
 * which they came. Those of one connection, and those that frame a body, are never among them. It is never changed.
 */
export class HeaderBlock implements Iterable<readonly [name: string, value: string]> {
  static readonly empty: HeaderBlock = new HeaderBlock(Buffer.alloc(0), []);

  /** The fields as they are sent. */
  readonly bytes: Buffer;
  readonly #ranges: readonly number[];

  /** `ranges` holds, for each field, start and end of its name, then of its value. */
  constructor(bytes: Buffer, ranges: readonly number[]) {
    this.bytes = bytes;
    this.#ranges = ranges;
  }

  /** A block of these fields. A name or a value that HTTP does not know is a bug. */
  static of(fields: FieldValues): HeaderBlock {
    const ranges: number[] = [];
    const text = linesOf(fields, ranges, 0);
    return text === '' ? HeaderBlock.empty : new HeaderBlock(Buffer.from(text, 'latin1'), ranges);
  }

  /** The value of a field; `name` is in lower case. One that comes more than once is joined by commas. */
  get(name: string): string | undefined {
    let found: string | undefined;
    for (let at = 0; at < this.#ranges.length; at += rangesPerField) {
      if (!this.#isNamed(at, name)) continue;
      const value = this.#text(at + 2);
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  has(name: string): boolean {
    for (let at = 0; at < this.#ranges.length; at += rangesPerField)
      if (this.#isNamed(at, name)) return true;
    return false;
  }

  /** This block with these fields at its end, in place of those of the same name. */
  with(fields: FieldValues): HeaderBlock {
    return this.edit([], fields);
  }

  /** This block without the fields of these names; they are in lower case. */
  without(names: readonly string[]): HeaderBlock {
    return names.some((name) => this.has(name)) ? this.edit(names, {}) : this;
  }

  /** This block without the fields of these names, and with `fields`: both at once, so that it is copied once. */
  edit(names: readonly string[], fields: FieldValues): HeaderBlock {
    const ranges: number[] = [];
    const text = linesOf(fields, ranges, 0);
    const added = ranges.splice(0);
    const bytes = Buffer.allocUnsafe(this.bytes.length + text.length);
    let length = 0;
    // Fields that stay and follow one another are copied as one.
    let runStart = 0;
    for (let at = 0; at < this.#ranges.length; at += rangesPerField) {
      const start = this.#at(at);
      if (this.#isAnyOf(at, names) || this.#isOneOf(at, fields)) {
        length += this.bytes.copy(bytes, length, runStart, start);
        runStart = this.#at(at + rangesPerField, this.bytes.length);
        continue;
      }
      const shift = length - runStart;
      for (let each = at; each < at + rangesPerField; each++) ranges.push(this.#at(each) + shift);
    }
    length += this.bytes.copy(bytes, length, runStart);
    for (const offset of added) ranges.push(offset + length);
    length += bytes.write(text, length, 'latin1');
    return new HeaderBlock(bytes.subarray(0, length), ranges);
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    for (let at = 0; at < this.#ranges.length; at += rangesPerField)
      yield [this.#text(at).toLowerCase(), this.#text(at + 2)];
  }

  #isAnyOf(at: number, names: readonly string[]): boolean {
    for (let index = 0; index < names.length; index++)
      if (this.#isNamed(at, names[index] as string)) return true;
    return false;
  }

  #isOneOf(at: number, fields: FieldValues): boolean {
    for (const name in fields) if (this.#isNamed(at, name)) return true;
    return false;
  }

  #text(at: number): string {
    return this.bytes.toString('latin1', this.#at(at), this.#at(at + 1));
  }

  #at(index: number, otherwise = 0): number {
    return this.#ranges[index] ?? otherwise;
  }

  #isNamed(at: number, name: string): boolean {
    const start = this.#at(at);
    if (this.#at(at + 1) - start !== name.length) return false;
    for (let each = 0; each < name.length; each++) {
      const byte = this.bytes[start + each] as number;
      const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      if (lower !== name.charCodeAt(each)) return false;
    }
    return this.bytes[start + name.length] === colon;
  }
}

/** The lines of fields; their ranges are put behind `ranges`, counted from `offset`. */
function linesOf(fields: FieldValues, ranges: number[], offset: number): string {
  let text = '';
  for (const [name, given] of Object.entries(fields)) {
    assert(tokenPattern.test(name), `a header's name is a token, not ${JSON.stringify(name)}`);
    for (const value of typeof given === 'string' ? [given] : given) {
      assert(!forbiddenInValue.test(value), `the header ${name} has a value that cannot be sent`);
      const start = offset + text.length;
      const valueStart = start + name.length + 2;
      ranges.push(start, start + name.length, valueStart, valueStart + value.length);
      text += `${name}: ${value}\r\n`;
    }
  }
  return text;
}
