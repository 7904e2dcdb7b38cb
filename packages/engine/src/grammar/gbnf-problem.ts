import { type GbnfOutline, readOutlines } from './gbnf-outline.ts';
import { grammarBounds } from './grammar-builder.ts';

/**
 * Why a grammar that somebody else wrote is not given to libllama; undefined when it may be. libllama reads groups by
 * recursion without a bound, and looks for left recursion without remembering what it has seen: a few kilobytes could
 * end the process or keep it busy for ever. What does not parse is left for libllama to refuse.
 */
export function gbnfProblem(gbnf: string): string | undefined {
  if (gbnf.includes('\0')) return 'it holds a NUL character';
  const { charactersMax } = grammarBounds;
  if (gbnf.length > charactersMax) {
    return `it has ${gbnf.length} characters; at most ${charactersMax} are allowed`;
  }
  const read = readOutlines(gbnf);
  if (read.kind === 'refused') return read.reason;
  if (read.outlines.length > outlinesMax) {
    return `it has ${read.outlines.length} rules and groups; at most ${outlinesMax} are allowed`;
  }
  return searchProblem(read.outlines);
}

/** How long a chain of rules each of which begins with the next may be. */
const chainMax = 4096;
const outlinesMax = 16_384;
/** Steps of libllama's search for left recursion (llama_grammar_detect_left_recursion). */
const searchStepsMax = 1_000_000;

/** Left recursion, or a search for it that would take too long. */
function searchProblem(outlines: readonly GbnfOutline[]): string | undefined {
  const search = new StartSearch(outlines);
  let steps = 0;
  for (const { name } of outlines) {
    steps += search.stepsOf(name);
    if (steps <= searchStepsMax) continue;
    return `rule "${name}" begins with itself, or with too many others in turn`;
  }
  return undefined;
}

/** Counts what libllama would walk through, each rule once. */
class StartSearch {
  readonly #rules: ReadonlyMap<string, GbnfOutline>;
  readonly #steps = new Map<string, number>();
  readonly #open = new Set<string>();

  constructor(outlines: readonly GbnfOutline[]) {
    this.#rules = new Map(outlines.map((outline) => [outline.name, outline]));
  }

  stepsOf(name: string): number {
    const known = this.#steps.get(name);
    if (known !== undefined) return known;
    if (this.#open.has(name) || this.#open.size > chainMax) return Number.POSITIVE_INFINITY;
    this.#open.add(name);
    let steps = 1;
    for (const beginning of this.#rules.get(name)?.beginnings ?? []) {
      for (const item of beginning) {
        steps += this.stepsOf(item.name);
        if (!item.canBeSkipped && this.#rules.get(item.name)?.isNullable !== true) break;
      }
    }
    this.#open.delete(name);
    this.#steps.set(name, steps);
    return steps;
  }
}
