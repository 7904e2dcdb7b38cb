/** What an alternative may begin with: rules and groups, up to the first item that is neither and cannot be left out. */
export type Beginning = readonly { readonly name: string; readonly canBeSkipped: boolean }[];

/** A rule or a group of a grammar, as far as its beginnings go. */
export interface GbnfOutline {
  readonly name: string;
  readonly beginnings: readonly Beginning[];
  readonly isNullable: boolean;
}

/** How deep groups may nest: libllama reads them by recursion without a bound. */
export const groupDepthMax = 100;

/** The outlines of all rules and groups, or why there are none. */
export type ReadOutlines =
  | { readonly kind: 'read'; readonly outlines: readonly GbnfOutline[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** Reads a grammar for its outline only; what is no grammar is left for libllama to refuse. */
export function readOutlines(gbnf: string): ReadOutlines {
  const reader = new OutlineReader();
  for (let at = 0; at < gbnf.length;) {
    const end = tokenEnd(gbnf, at);
    if (end === undefined)
      return { kind: 'refused', reason: 'a string, a set or a count has no end' };
    if (!reader.take(gbnf.slice(at, end))) {
      return { kind: 'refused', reason: `groups nest deeper than ${groupDepthMax}, the limit` };
    }
    at = end;
  }
  return { kind: 'read', outlines: reader.finish() };
}

const closers: Readonly<Record<string, string>> = { '"': '"', '[': ']', '{': '}', '<': '>' };

function tokenEnd(gbnf: string, at: number): number | undefined {
  const first = gbnf[at] ?? '';
  if (first === '#') {
    const lineEnd = gbnf.slice(at).search(/[\r\n]/);
    return lineEnd < 0 ? gbnf.length : at + lineEnd;
  }
  const closer = closers[first];
  let end = at + 1;
  if (closer !== undefined) {
    while (end < gbnf.length && gbnf[end] !== closer) end += gbnf[end] === '\\' ? 2 : 1;
    return end < gbnf.length ? end + 1 : undefined;
  }
  if (!isWord(first)) return end;
  while (isWord(gbnf[end] ?? '')) end++;
  return end;
}

function isWord(character: string): boolean {
  return /^[A-Za-z0-9-]/.test(character);
}

interface OpenOutline {
  readonly name: string;
  readonly beginnings: Beginning[];
  alternative: { name: string; canBeSkipped: boolean }[];
  /** True until an item stands in the alternative that cannot be left out. */
  isAtStart: boolean;
  wasAtStart: boolean;
  isNullable: boolean;
}

class OutlineReader {
  readonly #outlines: OpenOutline[] = [];
  #open: OpenOutline[] = [];
  /** The word before, which is a rule's name if `::=` follows. */
  #word: string | undefined;

  /** Takes a token; false when groups nest too deep. */
  take(token: string): boolean {
    const first = token[0] ?? '';
    if (first === ':') this.#define();
    else if (isWord(first)) this.#nameWord(token);
    else if (first === '(') return this.#openGroup();
    else if (first === ')') this.#closeGroup();
    else if (first === '|') this.#endAlternative();
    else if (first === '*' || first === '?' || /^\{\s*0\s*[,}]/.test(token)) this.#skippable();
    else if (!/^[\s#+{!=]/.test(token) && token !== '""') this.#item(undefined);
    return true;
  }

  finish(): readonly GbnfOutline[] {
    this.#flushWord();
    while (this.#open.length > 0) this.#close();
    return this.#outlines;
  }

  #nameWord(word: string): void {
    this.#flushWord();
    this.#word = word;
  }

  #define(): void {
    const name = this.#word;
    if (name === undefined) return;
    this.#word = undefined;
    while (this.#open.length > 0) this.#close();
    this.#begin(name);
  }

  #begin(name: string): void {
    const outline: OpenOutline = {
      name,
      beginnings: [],
      alternative: [],
      isAtStart: true,
      wasAtStart: true,
      isNullable: false,
    };
    this.#outlines.push(outline);
    this.#open.push(outline);
  }

  #openGroup(): boolean {
    const name = `(${this.#outlines.length}`;
    this.#item(name);
    this.#begin(name);
    return this.#open.length <= groupDepthMax;
  }

  #closeGroup(): void {
    this.#flushWord();
    if (this.#open.length > 1) this.#close();
  }

  #close(): void {
    this.#endAlternative();
    this.#open.pop();
  }

  #endAlternative(): void {
    this.#flushWord();
    const open = this.#open.at(-1);
    if (open === undefined) return;
    open.beginnings.push(open.alternative);
    open.isNullable ||= open.isAtStart && open.alternative.every((one) => one.canBeSkipped);
    open.alternative = [];
    open.isAtStart = true;
  }

  #skippable(): void {
    this.#flushWord();
    const open = this.#open.at(-1);
    if (open?.wasAtStart !== true) return;
    open.isAtStart = true;
    const last = open.alternative.at(-1);
    if (last !== undefined) last.canBeSkipped = true;
  }

  #flushWord(): void {
    if (this.#word === undefined) return;
    const word = this.#word;
    this.#word = undefined;
    this.#item(word);
  }

  #item(name: string | undefined): void {
    this.#flushWord();
    const open = this.#open.at(-1);
    if (open === undefined) return;
    open.wasAtStart = open.isAtStart;
    if (!open.isAtStart) return;
    if (name === undefined) open.isAtStart = false;
    else open.alternative.push({ name, canBeSkipped: false });
  }
}
