import { assertDefined, type Prng } from '@millrace/stdx';

type Term =
  | {
      readonly kind: 'code';
      readonly isNegated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'all'; readonly terms: readonly Term[] }
  | { readonly kind: 'one-of'; readonly terms: readonly Term[] }
  | { readonly kind: 'times'; readonly term: Term; readonly min: number; readonly max: number };

/**
 * Reads GBNF and tells which texts it allows, slowly and simply: the yardstick for grammars in tests. It keeps
 * libllama's own limits (no left recursion, 2,000 repetitions) and throws where libllama would refuse.
 */
export class GbnfMatcher {
  readonly #rules: ReadonlyMap<string, Term>;
  /** How many rules deep the shortest text of each rule goes. */
  readonly #depths = new Map<string, number>();

  constructor(gbnf: string) {
    const rules = new Map<string, Term>();
    for (const line of gbnf.split('\n').filter((one) => one !== '')) {
      const [name = '', body] = line.split(' ::= ');
      if (body === undefined || !/^[A-Za-z0-9-]+$/.test(name)) throw new Error(`no rule: ${line}`);
      if (rules.has(name)) throw new Error(`rule ${name} is there twice`);
      rules.set(name, new GbnfReader(body).read());
    }
    this.#rules = rules;
    for (const name of rules.keys()) this.#checkLeft({ kind: 'name', name }, new Set());
    this.#measureDepths();
  }

  get ruleCount(): number {
    return this.#rules.size;
  }

  accepts(text: string): boolean {
    const codes = [...text].map((one) => one.codePointAt(0) ?? 0);
    const root: Term = { kind: 'name', name: 'root' };
    return this.#ends(root, 0, { codes, known: new Map() }).has(codes.length);
  }

  /** A text that the grammar allows; short from the depth on where the grammar has a choice. */
  sample(prng: Prng, depthMax = 30): string {
    return this.#write({ kind: 'name', name: 'root' }, { prng, depth: depthMax });
  }

  #write(term: Term, walk: { readonly prng: Prng; readonly depth: number }): string {
    const { prng, depth } = walk;
    switch (term.kind) {
      case 'code': {
        const [from, to] = assertDefined(
          term.ranges[prng.below(term.ranges.length)],
          'a set has a range',
        );
        // Mostly near the start, where the interesting characters are.
        return String.fromCodePoint(
          from + prng.below(Math.min(to - from, prng.below(8) === 0 ? 0x4000 : 90) + 1),
        );
      }
      case 'name':
        return this.#write(this.#rule(term.name), { prng, depth: depth - 1 });
      case 'all':
        return term.terms.map((one) => this.#write(one, walk)).join('');
      case 'one-of': {
        const shortest = term.terms.toSorted(
          (one, other) => this.#depthOf(one) - this.#depthOf(other),
        );
        return this.#write(
          assertDefined(shortest[depth > 0 ? prng.below(shortest.length) : 0], 'a choice'),
          walk,
        );
      }
      case 'times': {
        const extra = depth > 0 ? prng.below(Math.min(term.max - term.min, 4) + 1) : 0;
        return Array.from({ length: term.min + extra }, () => this.#write(term.term, walk)).join(
          '',
        );
      }
    }
  }

  #depthOf(term: Term): number {
    switch (term.kind) {
      case 'code':
        return 0;
      case 'name':
        return this.#depths.get(term.name) ?? Number.POSITIVE_INFINITY;
      case 'all':
        return Math.max(0, ...term.terms.map((one) => this.#depthOf(one)));
      case 'one-of':
        return Math.min(...term.terms.map((one) => this.#depthOf(one)));
      case 'times':
        return term.min === 0 ? 0 : this.#depthOf(term.term);
    }
  }

  #measureDepths(): void {
    for (let isChanging = true; isChanging;) {
      isChanging = false;
      for (const [name, body] of this.#rules) {
        const depth = this.#depthOf(body) + 1;
        if (depth >= (this.#depths.get(name) ?? Number.POSITIVE_INFINITY)) continue;
        this.#depths.set(name, depth);
        isChanging = true;
      }
    }
  }

  /** Where a term may end that begins at `at`. */
  #ends(term: Term, at: number, match: Match): ReadonlySet<number> {
    switch (term.kind) {
      case 'code':
        return new Set(this.#fits(term, match.codes[at]) ? [at + 1] : []);
      case 'name': {
        const key = `${term.name}@${at}`;
        const known = match.known.get(key);
        if (known !== undefined) return known;
        const ends = this.#ends(this.#rule(term.name), at, match);
        match.known.set(key, ends);
        return ends;
      }
      case 'all': {
        let ends: ReadonlySet<number> = new Set([at]);
        for (const one of term.terms) ends = this.#step(one, ends, match);
        return ends;
      }
      case 'one-of':
        return new Set(term.terms.flatMap((one) => [...this.#ends(one, at, match)]));
      case 'times':
        return this.#repeatedEnds(term, at, match);
    }
  }

  #repeatedEnds(
    term: Extract<Term, { kind: 'times' }>,
    at: number,
    match: Match,
  ): ReadonlySet<number> {
    let ends: ReadonlySet<number> = new Set([at]);
    for (let count = 0; count < term.min; count++) ends = this.#step(term.term, ends, match);
    let all = ends;
    for (let count = term.min; count < term.max && ends.size > 0; count++) {
      ends = this.#step(term.term, ends, match).difference(all);
      all = all.union(ends);
    }
    return all;
  }

  #step(term: Term, starts: ReadonlySet<number>, match: Match): ReadonlySet<number> {
    return new Set([...starts].flatMap((start) => [...this.#ends(term, start, match)]));
  }

  #fits(term: Extract<Term, { kind: 'code' }>, code: number | undefined): boolean {
    if (code === undefined) return false;
    return term.ranges.some(([from, to]) => from <= code && code <= to) !== term.isNegated;
  }

  #rule(name: string): Term {
    return assertDefined(this.#rules.get(name), `rule ${name} is defined`);
  }

  /** True when the term may be empty; throws when it leads back to a rule in `open` before any character. */
  #checkLeft(term: Term, open: ReadonlySet<string>): boolean {
    switch (term.kind) {
      case 'code':
        return false;
      case 'name':
        if (open.has(term.name)) throw new Error(`left recursion: ${term.name}`);
        return this.#checkLeft(this.#rule(term.name), new Set([...open, term.name]));
      case 'all':
        return term.terms.every((one) => this.#checkLeft(one, open));
      case 'one-of':
        return term.terms.map((one) => this.#checkLeft(one, open)).some((canBeEmpty) => canBeEmpty);
      case 'times': {
        const canBeEmpty = this.#checkLeft(term.term, open);
        if (canBeEmpty && term.max === Number.POSITIVE_INFINITY)
          throw new Error('left recursion in a repetition');
        return canBeEmpty || term.min === 0;
      }
    }
  }
}

interface Match {
  readonly codes: readonly number[];
  readonly known: Map<string, ReadonlySet<number>>;
}

const repeatsMax = 2000;

class GbnfReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Term {
    const term = this.#options();
    if (this.#at < this.#text.length)
      throw new Error(`cannot read on at "${this.#text.slice(this.#at)}"`);
    return term;
  }

  #options(): Term {
    const terms: Term[] = [this.#all()];
    while (this.#take('|')) {
      this.#blanks();
      terms.push(this.#all());
    }
    return { kind: 'one-of', terms };
  }

  #all(): Term {
    const terms: Term[] = [];
    for (
      let next = this.#text[this.#at];
      next !== undefined && !'|)'.includes(next);
      next = this.#text[this.#at]
    ) {
      terms.push(this.#counted(this.#atom()));
      this.#blanks();
    }
    return { kind: 'all', terms };
  }

  #atom(): Term {
    if (this.#take('(')) {
      const term = this.#options();
      if (!this.#take(')')) throw new Error('a group has no end');
      return term;
    }
    if (this.#take('"')) {
      const terms: Term[] = [];
      while (!this.#take('"')) {
        const code = this.#code();
        terms.push({ kind: 'code', isNegated: false, ranges: [[code, code]] });
      }
      return { kind: 'all', terms };
    }
    if (this.#take('[')) return this.#set();
    const name = /^[A-Za-z0-9-]+/.exec(this.#text.slice(this.#at))?.[0];
    if (name === undefined) throw new Error(`no term at "${this.#text.slice(this.#at)}"`);
    this.#at += name.length;
    return { kind: 'name', name };
  }

  #set(): Term {
    const isNegated = this.#take('^');
    const ranges: [number, number][] = [];
    while (!this.#take(']')) {
      const from = this.#code();
      ranges.push([from, this.#take('-') ? this.#code() : from]);
    }
    return { kind: 'code', isNegated, ranges };
  }

  #counted(term: Term): Term {
    if (this.#take('*')) return { kind: 'times', term, min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take('+')) return { kind: 'times', term, min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take('?')) return { kind: 'times', term, min: 0, max: 1 };
    const counts = /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at));
    if (counts === null) return term;
    this.#at += counts[0].length;
    const min = Number(counts[1]);
    const max =
      counts[2] === undefined
        ? min
        : counts[3] === ''
          ? Number.POSITIVE_INFINITY
          : Number(counts[3]);
    if (min > repeatsMax || (max > repeatsMax && max !== Number.POSITIVE_INFINITY))
      throw new Error('too many repetitions');
    return { kind: 'times', term, min, max };
  }

  #code(): number {
    const escape = /^\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8}))/.exec(
      this.#text.slice(this.#at),
    );
    if (escape !== null) {
      this.#at += escape[0].length;
      return Number.parseInt(escape[1] ?? escape[2] ?? escape[3] ?? '', 16);
    }
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined || code === 0x5c) throw new Error('no character');
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #blanks(): void {
    while (this.#take(' ')) continue;
  }
}
