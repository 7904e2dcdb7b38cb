import { assert } from '@millrace/stdx';
import { FieldLines, type RangeWriter } from './field-lines.ts';
import { FieldName } from './field-name.ts';

// What would end a line, or make another of it; text beyond Latin-1 is not what a header carries.
// oxlint-disable-next-line no-control-regex
const forbiddenInValue = /[\u0000-\u0008\u000a-\u001f\u007f\u0100-\uffff]/;
const none: readonly string[] = [];
const noNames: readonly FieldName[] = [];

/** Field values by name; names are in lower case. */
export type FieldValues = Readonly<Record<string, string | readonly string[]>>;

/** Takes headers as bytes, or as the start of a line and the value behind it. */
export interface HeaderWriter extends RangeWriter {
  line(start: Buffer, value: string): void;
}

/** Fields that take the place of others, the same in many messages but for their values. */
export class HeaderEdit {
  /** The fields that come. */
  readonly names: readonly FieldName[];
  /** Those that go, in lower case: all of these names, too. */
  readonly removed: readonly string[];

  /** Names to be removed are in lower case. A name that HTTP does not know is a bug. */
  constructor(names: readonly string[], removed: readonly string[] = none) {
    this.names = names.map((name) => new FieldName(name));
    this.removed = [...this.names.map(({ lower }) => lower), ...removed];
  }
}

/**
 * The header fields of a message that travel on: lines `name: value` in the order in which they came, and behind them
 * those that were added here. Those of one connection, and those that frame a body, are never among them. It is never
 * changed, and stands for as long as somebody has it.
 */
export class HeaderBlock implements Iterable<readonly [name: string, value: string]> {
  static readonly empty: HeaderBlock = new HeaderBlock(FieldLines.empty);

  readonly #lines: FieldLines;
  /** Names and values of what was added. */
  readonly #names: readonly FieldName[];
  readonly #values: readonly string[];

  constructor(
    lines: FieldLines,
    names: readonly FieldName[] = noNames,
    values: readonly string[] = none,
  ) {
    this.#lines = lines;
    this.#names = names;
    this.#values = values;
  }

  /** A block of these fields. A name or a value that HTTP does not know is a bug. */
  static of(fields: FieldValues): HeaderBlock {
    return HeaderBlock.empty.with(fields);
  }

  /** The value of a field; `name` is in lower case. One that comes more than once is joined by commas. */
  get(name: string): string | undefined {
    let found = this.#lines.get(name);
    const names = this.#names;
    for (let at = 0; at < names.length; at++) {
      if ((names[at] as FieldName).lower !== name) continue;
      const value = this.#values[at] as string;
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  has(name: string): boolean {
    const names = this.#names;
    for (let at = 0; at < names.length; at++)
      if ((names[at] as FieldName).lower === name) return true;
    return this.#lines.has(name);
  }

  /** This block with these fields at its end, in place of those of the same name. */
  with(fields: FieldValues): HeaderBlock {
    const names: string[] = [];
    const values: string[] = [];
    for (const [name, given] of Object.entries(fields))
      for (const value of typeof given === 'string' ? [given] : given) {
        assertSendable(name, value);
        names.push(name);
        values.push(value);
      }
    return this.edit(new HeaderEdit(names), values);
  }

  /** This block without the fields of these names; they are in lower case. */
  without(names: readonly string[]): HeaderBlock {
    const lines = this.#lines.without(names);
    if (!isAnyAdded(this.#names, names))
      return lines === this.#lines ? this : new HeaderBlock(lines, this.#names, this.#values);
    const isKept = (_: unknown, at: number): boolean =>
      !isAmong(this.#names[at] as FieldName, names);
    return new HeaderBlock(lines, this.#names.filter(isKept), this.#values.filter(isKept));
  }

  /** This block after an edit, with a value for each of its names: such as are known to be fit for a header, as nobody looks here. */
  edit({ names, removed }: HeaderEdit, values: readonly string[]): HeaderBlock {
    if (this.#names.length === 0)
      return new HeaderBlock(this.#lines.without(removed), names, values);
    const rest = this.without(removed);
    return new HeaderBlock(rest.#lines, [...rest.#names, ...names], [...rest.#values, ...values]);
  }

  /** Writes the fields as they are sent. */
  writeTo(writer: HeaderWriter): void {
    this.#lines.writeTo(writer);
    for (let at = 0; at < this.#names.length; at++)
      writer.line((this.#names[at] as FieldName).start, this.#values[at] as string);
  }

  /** The fields as they are sent, for those who need them in one piece. */
  toBytes(): Buffer {
    const pieces: Buffer[] = [];
    this.writeTo({
      bytes: (bytes) => void pieces.push(bytes),
      range: (bytes, start, end) => void pieces.push(bytes.subarray(start, end)),
      line: (start, value) => void pieces.push(start, Buffer.from(`${value}\r\n`, 'latin1')),
    });
    return Buffer.concat(pieces);
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    yield* this.#lines;
    for (let at = 0; at < this.#names.length; at++)
      yield [(this.#names[at] as FieldName).lower, this.#values[at] as string];
  }
}

/** Whether one of the names that were added is one of `names`. */
function isAnyAdded(added: readonly FieldName[], names: readonly string[]): boolean {
  for (let at = 0; at < added.length; at++) if (isAmong(added[at] as FieldName, names)) return true;
  return false;
}

function isAmong({ lower }: FieldName, names: readonly string[]): boolean {
  for (let at = 0; at < names.length; at++) if (names[at] === lower) return true;
  return false;
}

/** Sees that a header can have this value. */
export function assertSendable(name: string, value: string): void {
  if (forbiddenInValue.test(value))
    assert(false, `the header ${name} has a value that cannot be sent`);
}
