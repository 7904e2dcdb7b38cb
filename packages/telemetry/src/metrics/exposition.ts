/** The lines that say what a metric is. */
export function headerLines(metric: {
  readonly name: string;
  readonly help: string;
  readonly type: string;
}): readonly string[] {
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return [`# HELP ${metric.name} ${help}`, `# TYPE ${metric.name} ${metric.type}`];
}

/** One sample as Prometheus reads it. */
export function sampleLine(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${formatValue(value)}`;
}

/** The upper bound of a bucket; the last has none. */
export function formatBound(bound: number | undefined): string {
  return formatValue(bound ?? Number.POSITIVE_INFINITY);
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
