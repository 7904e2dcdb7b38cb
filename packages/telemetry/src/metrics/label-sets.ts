import { assert } from '@millrace/stdx';

/** Label values by label name. */
export type Labels = Readonly<Record<string, string>>;

/** What the label sets of one metric keep to. */
export interface LabelSetsOptions<Handle> {
  readonly labelNames: readonly string[];
  readonly labelSetsMax: number;
  readonly labelValueCharactersMax: number;
  readonly create: () => Handle;
  /** Called every time that a label set finds no place. */
  readonly onOverflow: () => void;
}

/** One series: its labels as they stand in the exposition, without braces, and its handle. */
export interface Series<Handle> {
  readonly text: string;
  readonly handle: Handle;
}

const overflowValue = '__overflow__';

/** The series of one metric: one handle a label set, at most `labelSetsMax` of them, and one for all that came later. */
export class LabelSets<Handle> {
  readonly #options: LabelSetsOptions<Handle>;
  readonly #series = new Map<string, Series<Handle>>();
  #overflow: Series<Handle> | undefined;

  constructor(options: LabelSetsOptions<Handle>) {
    this.#options = options;
  }

  /** The handle of a label set, which names every label of the metric and no other. */
  get(labels: Labels): Handle {
    const text = this.#text(labels);
    const known = this.#series.get(text);
    if (known !== undefined) return known.handle;
    if (this.#series.size >= this.#options.labelSetsMax) return this.#overflowing();
    const handle = this.#options.create();
    this.#series.set(text, { text, handle });
    return handle;
  }

  /** Every series, in the order in which they came. */
  *entries(): IterableIterator<Series<Handle>> {
    yield* this.#series.values();
    if (this.#overflow !== undefined) yield this.#overflow;
  }

  #overflowing(): Handle {
    this.#options.onOverflow();
    const { labelNames, create } = this.#options;
    this.#overflow ??= {
      text: labelNames.map((name) => `${name}="${overflowValue}"`).join(','),
      handle: create(),
    };
    return this.#overflow.handle;
  }

  #text(labels: Labels): string {
    const { labelNames, labelValueCharactersMax } = this.#options;
    const given = Object.keys(labels);
    assert(
      given.length === labelNames.length,
      `labels ${given.join(', ')} are not ${labelNames.join(', ')}`,
    );
    return labelNames
      .map((name) => {
        const value = labels[name];
        assert(value !== undefined, `label ${name} is missing among ${given.join(', ')}`);
        return `${name}="${escapeLabel(cut(value, labelValueCharactersMax))}"`;
      })
      .join(',');
  }
}

function cut(value: string, lengthMax: number): string {
  return value.length <= lengthMax ? value : value.slice(0, lengthMax).toWellFormed();
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
