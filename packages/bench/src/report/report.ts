import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** One figure of one side over several rounds. */
export interface Figure {
  readonly comparison: string;
  readonly side: string;
  readonly name: string;
  readonly values: readonly number[];
}

/** A figure set against what it is to reach. */
export interface Goal {
  readonly text: string;
  readonly reached: number;
  readonly isMet: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The figures as a table, with the machine and the commit; also written to `results/NAME.md` and `.json`. */
export function report(step: {
  readonly name: string;
  readonly command: string;
  readonly figures: readonly Figure[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
  /** Further tables, as Markdown. */
  readonly tables?: string;
}): string {
  const head = [`# ${step.name}`, '', `\`${step.command}\`, ${machineLine()}`, ''];
  const rows = step.figures.map(({ comparison, side, name, values }) => {
    const spread = `${shown(Math.min(...values))} – ${shown(Math.max(...values))}`;
    return `| ${comparison} | ${side} | ${name} | ${shown(median(values))} | ${spread} | ${values.length} |`;
  });
  const table = [
    '| comparison | side | figure | median | min – max | n |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
  const goals = step.goals.map(
    (goal) =>
      `- ${goal.isMet ? 'reached' : 'NOT reached'}: ${goal.text}; measured ${shown(goal.reached)}`,
  );
  const notes = step.notes.map((note) => `- ${note}`);
  const text = [
    ...head,
    ...table,
    '',
    '## Goals',
    '',
    ...goals,
    '',
    '## Notes',
    '',
    ...notes,
    '',
    ...(step.tables === undefined ? [] : [step.tables]),
  ].join('\n');
  mkdirSync('results', { recursive: true });
  writeFileSync(reportPath(step.name, 'md'), text);
  writeFileSync(reportPath(step.name, 'json'), JSON.stringify(step, null, 2));
  return text;
}

/** Where a table of this name is written. */
export function reportPath(name: string, extension: 'md' | 'json'): string {
  return join('results', `${name}.${extension}`);
}

/** The commit and the machine, as every table names them. */
export function machineLine(): string {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const processor = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`;
  return `commit ${commit()}, ${processor}, ${memory}, Node ${process.version}`;
}

function shown(value: number): string {
  if (Number.isNaN(value)) return '–';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
