import type { Score, Share } from './score.ts';

/** A score as Markdown: the confusion of faults, and precision and recall of each cause. */
export function scoreTables(title: string, score: Score): string {
  const columns = [
    ...new Set(Array.from(score.confusion.values(), (row) => [...row.keys()]).flat()),
  ].toSorted();
  const faults = [...new Set([...score.confusion.keys(), ...score.discarded.keys()])];
  const confusion = faults.map((fault) => {
    const row = score.confusion.get(fault);
    const cells = columns.map((column) => row?.get(column) ?? '');
    return line([fault, ...cells, score.discarded.get(fault) ?? '']);
  });
  const causes = score.causes.map(({ cause, precision, recall }) =>
    line([cause, shown(precision), shown(recall)]),
  );
  return [
    `## ${title}: what was done, by row, and what was named`,
    '',
    ...table(['fault', ...columns, 'discarded'], confusion),
    '',
    ...table(['cause', 'precision', 'recall'], causes),
    '',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly string[]): readonly string[] {
  return [line(head), line(head.map(() => '---')), ...rows];
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function shown({ hits, of, low, high }: Share): string {
  if (of === 0) return '–';
  const percent = (share: number): string => (share * 100).toFixed(1);
  return `${percent(hits / of)} % of ${of} [${percent(low)}, ${percent(high)}]`;
}
