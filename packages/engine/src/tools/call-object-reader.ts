type Place = 'key-or-end' | 'key' | 'in-key' | 'colon' | 'value' | 'in-value' | 'comma-or-end';

/**
 * Reads the JSON object of a call character by character: `{"name": ..., "arguments": ...}`, in any order and with
 * further keys. Looks no deeper into the arguments than to find their end, for they are passed on as they come.
 */
export class CallObjectReader {
  readonly #firstKeys: ReadonlySet<string> | undefined;
  readonly #open: string[] = [];
  #status: 'open' | 'complete' | 'broken' = 'open';
  #place: Place = 'key-or-end';
  #key = '';
  #keyCount = 0;
  /** The key or the value that is being read, arguments left out. */
  #written = '';
  #isInString = false;
  #isEscaped = false;
  #name: string | undefined;
  #argumentsPlace: 'ahead' | 'open' | 'behind' = 'ahead';
  #isArgumentsCharacter = false;

  /** Reads on after `{`. With `firstKeys`, an object that begins with another key is broken at once. */
  constructor(firstKeys?: ReadonlySet<string>) {
    this.#firstKeys = firstKeys;
  }

  get status(): 'open' | 'complete' | 'broken' {
    return this.#status;
  }

  get name(): string | undefined {
    return this.#name;
  }

  /** True when the character taken last is part of the arguments. */
  get isArgumentsCharacter(): boolean {
    return this.#isArgumentsCharacter;
  }

  take(character: string): void {
    this.#isArgumentsCharacter = false;
    if (this.#place === 'in-key') this.#takeKey(character);
    else if (this.#place === 'in-value') this.#takeValue(character);
    else if (!isBlank(character)) this.#takeStructure(character);
  }

  #takeStructure(character: string): void {
    const place = this.#place;
    if (place === 'value') return this.#beginValue(character);
    if (character === '}' && (place === 'key-or-end' || place === 'comma-or-end')) {
      this.#status = 'complete';
    } else if (character === '"' && (place === 'key-or-end' || place === 'key')) {
      this.#place = 'in-key';
      this.#written = character;
    } else if (character === ':' && place === 'colon') {
      this.#place = 'value';
    } else if (character === ',' && place === 'comma-or-end') {
      this.#place = 'key';
    } else {
      this.#break();
    }
  }

  #takeKey(character: string): void {
    this.#written += character;
    if (this.#continuesString(character)) return;
    const key = parsed(this.#written);
    if (typeof key !== 'string') return this.#break();
    if (this.#keyCount++ === 0 && this.#firstKeys?.has(key) === false) return this.#break();
    this.#key = key;
    this.#place = 'colon';
  }

  #beginValue(character: string): void {
    this.#place = 'in-value';
    this.#written = '';
    if (argumentKeys.has(this.#key)) {
      if (this.#argumentsPlace !== 'ahead') return this.#break();
      this.#argumentsPlace = 'open';
    }
    this.#takeValue(character);
  }

  #takeValue(character: string): void {
    const isScalarEnd = !this.#isInString && this.#open.length === 0 && scalarEnds.has(character);
    if (isScalarEnd) {
      this.#endValue();
      if (this.#status === 'open' && !isBlank(character)) this.#takeStructure(character);
      return;
    }
    if (this.#argumentsPlace === 'open') this.#isArgumentsCharacter = true;
    else this.#written += character;
    this.#nest(character);
    const isWhole = !this.#isInString && this.#open.length === 0 && closers.has(character);
    if (this.#status === 'open' && isWhole) this.#endValue();
  }

  #nest(character: string): void {
    if (this.#isInString) this.#isInString = this.#continuesString(character);
    else if (character === '"') this.#isInString = true;
    else if (character === '{') this.#open.push('}');
    else if (character === '[') this.#open.push(']');
    else if ((character === '}' || character === ']') && this.#open.pop() !== character)
      this.#break();
  }

  /** True while the string goes on; false at its closing quote. */
  #continuesString(character: string): boolean {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (character === '\\') this.#isEscaped = true;
    else return character !== '"';
    return true;
  }

  #endValue(): void {
    this.#place = 'comma-or-end';
    if (this.#argumentsPlace === 'open') {
      this.#argumentsPlace = 'behind';
      return;
    }
    const value = parsed(this.#written);
    if (value === undefined || (this.#key === 'type' && value !== 'function')) return this.#break();
    if (this.#key !== 'name') return;
    if (typeof value === 'string' && this.#name === undefined) this.#name = value;
    else this.#break();
  }

  #break(): void {
    this.#status = 'broken';
  }
}

const argumentKeys: ReadonlySet<string> = new Set(['arguments', 'parameters']);
const scalarEnds: ReadonlySet<string> = new Set([',', '}', ' ', '\n', '\t', '\r']);
const closers: ReadonlySet<string> = new Set(['"', '}', ']']);

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

export function isBlank(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
