import { bounded } from '../options.ts';
import type { WorkloadRule } from './workload-rule.ts';

/** How figures are learned. */
export interface LearnedFiguresOptions {
  /** Pairs of engine and class that are kept; further ones are not learned. */
  readonly pairsMax?: number;
  /** Observations before a figure counts. */
  readonly observationsMin?: number;
  /** About how many observations a figure looks back over. */
  readonly observationsKept?: number;
}

/** What one answer took. */
export interface ObservedAnswer {
  readonly latencyMs: number;
  readonly cost: number;
}

/** Mean latency and cost of an engine for a class, the latest answers weighing most. */
export interface LearnedFigure extends ObservedAnswer {
  readonly observations: number;
}

/** Latency and cost as measured, by engine and class of workload; and the order of engines that follows from it. */
export class LearnedFigures {
  readonly #figures = new Map<string, LearnedFigure>();
  readonly #pairsMax: number;
  readonly #observationsMin: number;
  readonly #observationsKept: number;
  #refused = 0;

  constructor(options: LearnedFiguresOptions = {}) {
    const { pairsMax, observationsMin, observationsKept } = options;
    this.#pairsMax = bounded('pairsMax', pairsMax, { least: 1, most: 65_536, byDefault: 256 });
    this.#observationsMin = bounded('observationsMin', observationsMin, {
      least: 1,
      most: 100_000,
      byDefault: 20,
    });
    this.#observationsKept = bounded('observationsKept', observationsKept, {
      least: 1,
      most: 1_000_000,
      byDefault: 200,
    });
  }

  /** Answers whose pair of engine and class found no room. */
  get refused(): number {
    return this.#refused;
  }

  observe(engine: string, className: string, answer: ObservedAnswer): void {
    const key = keyOf(engine, className);
    const before = this.#figures.get(key);
    if (before === undefined && this.#figures.size >= this.#pairsMax) {
      this.#refused++;
      return;
    }
    const observations = (before?.observations ?? 0) + 1;
    // A plain mean at first, so that the first answer does not weigh for long.
    const step = 1 / Math.min(observations, this.#observationsKept);
    const moved = (from: number, to: number): number => from + step * (to - from);
    this.#figures.set(key, {
      latencyMs: moved(before?.latencyMs ?? 0, answer.latencyMs),
      cost: moved(before?.cost ?? 0, answer.cost),
      observations,
    });
  }

  /** What is known; `undefined` until there are enough observations. */
  figure(engine: string, className: string): LearnedFigure | undefined {
    const figure = this.#figures.get(keyOf(engine, className));
    return figure !== undefined && figure.observations >= this.#observationsMin
      ? figure
      : undefined;
  }

  /**
   * The engines of the rule, then all others of the fleet, of which those that have been measured in the class trade
   * places among themselves by latency plus `msPerCost` times cost: a table where nothing is known, experience where
   * something is.
   */
  order(
    rule: WorkloadRule,
    fleet: { readonly engines: readonly string[]; readonly msPerCost: number },
  ): readonly string[] {
    const others = fleet.engines.filter((engine) => !rule.engines.includes(engine));
    const order = [...rule.engines, ...new Set(others)];
    const measured = order
      .flatMap((engine) => {
        const figure = this.figure(engine, rule.name);
        if (figure === undefined) return [];
        return [{ engine, burden: figure.latencyMs + fleet.msPerCost * figure.cost }];
      })
      .toSorted((one, other) => one.burden - other.burden);
    // Without a preference by rule and without two measurements there is nothing to go by.
    if (rule.engines.length === 0 && measured.length < 2) return [];
    let next = 0;
    return order.map((engine) => {
      const isMeasured = this.figure(engine, rule.name) !== undefined;
      return isMeasured ? (measured[next++]?.engine ?? engine) : engine;
    });
  }
}

function keyOf(engine: string, className: string): string {
  return JSON.stringify([engine, className]);
}
