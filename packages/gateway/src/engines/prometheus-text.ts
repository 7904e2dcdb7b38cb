/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleForm = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const labelForm = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** The samples with these names, in their order; lines that are none are passed over. */
export function readSamples(text: string, names: ReadonlySet<string>): readonly Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const end = line.search(/[{\s]/);
    if (end <= 0 || !names.has(line.slice(0, end))) continue;
    const [, name, labels, number] = sampleForm.exec(line.trimEnd()) ?? [];
    const value = number === undefined ? Number.NaN : numberOf(number);
    if (name === undefined || Number.isNaN(value)) continue;
    samples.push({ name, labels: labelsOf(labels ?? ''), value });
  }
  return samples;
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Array.from(text.matchAll(labelForm), ([, name, value]) => [name, unescaped(value ?? '')]),
  );
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) =>
    character === 'n' ? '\n' : character,
  );
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}
