import { assert } from '@millrace/stdx';

/** Numbers kept for each field: start and end of its name. */
const numbersPerField = 2;
/** Between a name and its value, and between a value and the next name. */
export const gapBytes = 2;
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
  readonly #names: readonly number[];

  /** `names` holds, for each field, start and end of its name: they tell where its value stands, too. */
  constructor(bytes: Buffer, names: readonly number[]) {
    this.bytes = bytes;
    this.#names = names;
  }

  /** A block of these fields. A name or a value that HTTP does not know is a bug. */
  static of(fields: FieldValues): HeaderBlock {
    const text = linesOf(fields);
    if (text === '') return HeaderBlock.empty;
    return new HeaderBlock(Buffer.from(text, 'latin1'), namesOf(fields, [], 0));
  }

  /** The value of a field; `name` is in lower case. One that comes more than once is joined by commas. */
  get(name: string): string | undefined {
    let found: string | undefined;
    for (let at = 0; at < this.#names.length; at += numbersPerField) {
      if (!this.#isNamed(at, name)) continue;
      const value = this.#value(at);
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  has(name: string): boolean {
    for (let at = 0; at < this.#names.length; at += numbersPerField)
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
  edit(removed: readonly string[], fields: FieldValues): HeaderBlock {
    const text = linesOf(fields);
    const names: number[] = [];
    // Fields that stay and follow one another are copied as one: start and end of each such run.
    const runs: number[] = [];
    let length = 0;
    let runStart = 0;
    for (let at = 0; at < this.#names.length; at += numbersPerField) {
      const start = this.#at(at);
      if (this.#isAnyOf(at, removed) || this.#isOneOf(at, fields)) {
        runs.push(runStart, start);
        length += start - runStart;
        runStart = this.#nextStart(at);
        continue;
      }
      const shift = length - runStart;
      names.push(start + shift, this.#at(at + 1) + shift);
    }
    runs.push(runStart, this.bytes.length);
    length += this.bytes.length - runStart;
    namesOf(fields, names, length);
    return new HeaderBlock(this.#copyOf(runs, text, length), names);
  }

  /** So many bytes in these runs, and text behind them. */
  #copyOf(runs: readonly number[], text: string, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length + text.length);
    let to = 0;
    for (let at = 0; at < runs.length; at += 2) {
      const [start, end] = [runs[at] as number, runs[at + 1] as number];
      if (end > start) to += this.bytes.copy(bytes, to, start, end);
    }
    if (text !== '') bytes.write(text, to, 'latin1');
    return bytes;
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    for (let at = 0; at < this.#names.length; at += numbersPerField) {
      const name = this.bytes.toString('latin1', this.#at(at), this.#at(at + 1));
      yield [name.toLowerCase(), this.#value(at)];
    }
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

  #value(at: number): string {
    const start = this.#at(at + 1) + gapBytes;
    return this.bytes.toString('latin1', start, this.#nextStart(at) - gapBytes);
  }

  #nextStart(at: number): number {
    return this.#names[at + numbersPerField] ?? this.bytes.length;
  }

  #at(index: number): number {
    return this.#names[index] as number;
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

/** The lines of fields. */
function linesOf(fields: FieldValues): string {
  let text = '';
  for (const name in fields) {
    if (!tokenPattern.test(name))
      assert(false, `a header's name is a token, not ${JSON.stringify(name)}`);
    for (const value of valuesOf(fields, name)) {
      if (forbiddenInValue.test(value))
        assert(false, `the header ${name} has a value that cannot be sent`);
      text += `${name}: ${value}\r\n`;
    }
  }
  return text;
}

/** Where the names of fields stand whose lines begin at `start`; they are put behind `names`. */
function namesOf(fields: FieldValues, names: number[], start: number): readonly number[] {
  let at = start;
  for (const name in fields)
    for (const value of valuesOf(fields, name)) {
      names.push(at, at + name.length);
      at += name.length + gapBytes + value.length + gapBytes;
    }
  return names;
}

function valuesOf(fields: FieldValues, name: string): readonly string[] {
  const given = fields[name] as string | readonly string[];
  return typeof given === 'string' ? [given] : given;
}
