import { ServerError } from '../errors.ts';

/** One setting: a flag `--name`, its environment twin `MILLRACE_NAME`, and what values it takes. */
export interface Setting {
  readonly kind: 'text' | 'number' | 'switch';
  readonly help: string;
  /** What stands behind the flag in the help. */
  readonly value?: string;
  /** Bounds of a number, inclusive. */
  readonly bounds?: readonly [least: number, most: number];
  /** The only texts allowed. */
  readonly choices?: readonly string[];
}

/** Settings by name, in kebab case. */
export type SettingTable = Readonly<Record<string, Setting>>;

/** Values by setting; what was not given is missing. */
export interface Settings {
  readonly values: ReadonlyMap<string, string | number | boolean>;
  /** Arguments that are no flags. */
  readonly rest: readonly string[];
}

/** Where settings are read from. */
export interface SettingSources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads flags, then the environment for what no flag gives. Throws `SERVER_SETTING_INVALID` with all that is wrong. */
export function readSettings(table: SettingTable, sources: SettingSources): Settings {
  const values = new Map<string, string | number | boolean>();
  const problems: string[] = [];
  const rest = readFlags(table, sources.args, { values, problems });
  for (const [name, setting] of Object.entries(table)) {
    const twin = environmentName(name);
    const text = sources.env[twin];
    if (text === undefined || text === '' || values.has(name)) continue;
    readValue(setting, { from: twin, name, text }, { values, problems });
  }
  if (problems.length > 0) {
    throw new ServerError(problems.join('\n'), { code: 'SERVER_SETTING_INVALID' });
  }
  return { values, rest };
}

/** The environment variable that stands for a flag. */
export function environmentName(name: string): string {
  return `MILLRACE_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** Lines of help, one a setting. */
export function describeSettings(table: SettingTable): string {
  const rows = Object.entries(table).map(([name, setting]) => {
    const flag = setting.kind === 'switch' ? `--${name}` : `--${name} ${setting.value ?? 'VALUE'}`;
    const choices = setting.choices === undefined ? '' : ` (${setting.choices.join(', ')})`;
    return { flag, help: `${setting.help}${choices}  [${environmentName(name)}]` };
  });
  const width = Math.max(0, ...rows.map((row) => row.flag.length));
  return rows.map((row) => `  ${row.flag.padEnd(width)}  ${row.help}`).join('\n');
}

interface Draft {
  readonly values: Map<string, string | number | boolean>;
  readonly problems: string[];
}

function readFlags(table: SettingTable, args: readonly string[], draft: Draft): readonly string[] {
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (!arg.startsWith('--')) {
      rest.push(arg);
      continue;
    }
    const [name, inline] = splitFlag(arg);
    const setting = table[name];
    if (setting === undefined) {
      draft.problems.push(`There is no flag --${name}${suggestion(name, Object.keys(table))}`);
    } else if (setting.kind === 'switch' && inline === undefined) {
      draft.values.set(name, true);
    } else {
      const text = inline ?? args[++at];
      if (text === undefined) draft.problems.push(`--${name} needs a value`);
      else readValue(setting, { from: `--${name}`, name, text }, draft);
    }
  }
  return rest;
}

function splitFlag(arg: string): readonly [name: string, value: string | undefined] {
  const equals = arg.indexOf('=');
  return equals < 0 ? [arg.slice(2), undefined] : [arg.slice(2, equals), arg.slice(equals + 1)];
}

function readValue(
  setting: Setting,
  given: { readonly from: string; readonly name: string; readonly text: string },
  draft: Draft,
): void {
  const { from, name, text } = given;
  const wrong = (allowed: string): void =>
    void draft.problems.push(`${from} is "${text}"; allowed is ${allowed}`);
  if (setting.kind === 'switch') {
    if (['1', 'true', 'yes'].includes(text)) draft.values.set(name, true);
    else if (['0', 'false', 'no'].includes(text)) draft.values.set(name, false);
    else wrong('true or false');
  } else if (setting.kind === 'number') {
    const [least, most] = setting.bounds ?? [0, Number.MAX_SAFE_INTEGER];
    const value = Number(text);
    const isRight =
      text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most;
    if (isRight) draft.values.set(name, value);
    else wrong(`a whole number from ${least} to ${most}`);
  } else if (setting.choices !== undefined && !setting.choices.includes(text)) {
    wrong(setting.choices.join(', '));
  } else {
    draft.values.set(name, text);
  }
}

/** The known name that is closest to a mistyped one, if any is close. */
export function suggestion(name: string, known: readonly string[]): string {
  const best = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .toSorted((one, other) => one.distance - other.distance)[0];
  return best !== undefined && best.distance <= 3 ? `; did you mean ${best.candidate}?` : '';
}

function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const substitution = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
