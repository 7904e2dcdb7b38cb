import { type Figure, median } from './report.ts';

/** The figures of one comparison as they come: by side and name, one value a round. */
export class FigureBoard {
  readonly #comparison: string;
  readonly #values = new Map<string, Map<string, number[]>>();
  readonly notes: string[] = [];

  /** Goes on from figures of earlier runs of the same comparison. */
  constructor(comparison: string, earlier: readonly Figure[] = []) {
    this.#comparison = comparison;
    for (const figure of earlier) {
      if (figure.comparison !== comparison) continue;
      for (const value of figure.values) this.add(figure.side, figure.name, value);
    }
  }

  /** Rounds that are on the board: the next one draws its loads by this number. */
  get roundCount(): number {
    const counts = [...this.#values.values()].flatMap((ofSide) =>
      Array.from(ofSide.values(), (values) => values.length),
    );
    return Math.max(0, ...counts);
  }

  get figures(): readonly Figure[] {
    return [...this.#values].flatMap(([side, ofSide]) =>
      Array.from(ofSide, ([name, values]) => ({
        comparison: this.#comparison,
        side,
        name,
        values,
      })),
    );
  }

  add(side: string, name: string, value: number): void {
    const ofSide = this.#values.get(side) ?? new Map<string, number[]>();
    this.#values.set(side, ofSide);
    ofSide.set(name, [...(ofSide.get(name) ?? []), value]);
  }

  values(side: string, name: string): readonly number[] {
    return this.#values.get(side)?.get(name) ?? [];
  }

  median(side: string, name: string): number {
    return median(this.values(side, name));
  }

  /** The median of the better of the sides whose name begins so; NaN where none has the figure. */
  best(prefix: string, name: string, better: 'more' | 'less'): number {
    const medians = [...this.#values].flatMap(([side, ofSide]) => {
      const values = ofSide.get(name);
      return side.startsWith(prefix) && values !== undefined ? [median(values)] : [];
    });
    if (medians.length === 0) return Number.NaN;
    return better === 'more' ? Math.max(...medians) : Math.min(...medians);
  }
}
