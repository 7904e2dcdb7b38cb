/** Label values by label name. */
export type Labels = Readonly<Record<string, string>>;

/** What the label sets of one metric keep to. */
export interface LabelSetsOptions<Handle> {
  readonly labelNames: readonly string[];
  readonly labelSetsMax: number;
  readonly create: () => Handle;
  /** Called for every label set that finds no place. */
  readonly onOverflow: () => void;
}

const overflowValue = '__overflow__';

/** The series of one metric: one handle a label set, at most `labelSetsMax` of them, and one for all that came later. */
export class LabelSets<Handle> {
  readonly #options: LabelSetsOptions<Handle>;
  readonly #handles = new Map<string, { readonly text: string; readonly handle: Handle }>();
  #overflow: { readonly text: string; readonly handle: Handle } | undefined;

  constructor(options: LabelSetsOptions<Handle>) {
    this.#options = options;
  }

  /** The handle of a label set; missing labels are empty, unknown ones are left out. */
  get(labels: Labels): Handle {
    const values = this.#options.labelNames.map((name) => labels[name] ?? '');
    const key = values.join('\u0000');
    const known = this.#handles.get(key);
    if (known !== undefined) return known.handle;
    if (this.#handles.size >= this.#options.labelSetsMax) return this.#overflowing();
    const handle = this.#options.create();
    this.#handles.set(key, { text: this.#text(values), handle });
    return handle;
  }

  /** Every series with its labels as they stand in the exposition, without braces. */
  *entries(): IterableIterator<{ readonly text: string; readonly handle: Handle }> {
    yield* this.#handles.values();
    if (this.#overflow !== undefined) yield this.#overflow;
  }

  #overflowing(): Handle {
    this.#options.onOverflow();
    this.#overflow ??= {
      text: this.#text(this.#options.labelNames.map(() => overflowValue)),
      handle: this.#options.create(),
    };
    return this.#overflow.handle;
  }

  #text(values: readonly string[]): string {
    return this.#options.labelNames
      .map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`)
      .join(',');
  }
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
