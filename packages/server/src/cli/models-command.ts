import { messageOf } from '@millrace/stdx';
import {
  describeSettings,
  readSettings,
  type Setting,
  type Settings,
  type SettingSources,
  type SettingTable,
  suggestion,
} from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { defaultModel } from '../models/default-model.ts';
import { ensureModel } from '../models/ensure-model.ts';
import { listModels, type ListedModel, removeModel } from '../models/model-list.ts';
import { modelsFolder } from '../models/store.ts';
import type { Terminal } from './terminal.ts';

const usage = `Usage: millrace models [list] [--json]             what is here
       millrace models pull [REF]                  fetch a model
       millrace models path [REF]                  the file that is served for it
       millrace models remove NAME                 remove a file that "list" shows, and what was made from it
       millrace models tune [REF] [--again] [--all]  find the fastest encoding on this machine
REF is hf:owner/repository/file.gguf, a path, or ${defaultModel.id}, which is also what no REF means.
`;

/** Flags of the command; each action takes some of them. */
export const modelsSettings: Readonly<Record<'json' | 'again' | 'all' | 'help', Setting>> = {
  json: { kind: 'switch', help: 'list: as JSON' },
  again: { kind: 'switch', help: 'tune: measure what has been measured, too' },
  all: { kind: 'switch', help: 'tune: time also what loses too much' },
  help: { kind: 'switch', help: 'say this' },
};

interface Action {
  readonly flags: readonly (keyof typeof modelsSettings)[];
  readonly argumentsMax: number;
  readonly run: (given: Given, terminal: Terminal) => Promise<number>;
}

interface Given {
  readonly reference: string | undefined;
  /** Those that are on. */
  readonly flags: ReadonlySet<string>;
}

const actions: Readonly<Record<string, Action>> = {
  list: { flags: ['json'], argumentsMax: 0, run: list },
  pull: { flags: [], argumentsMax: 1, run: pull },
  path: { flags: [], argumentsMax: 1, run: showPath },
  remove: { flags: [], argumentsMax: 1, run: remove },
  tune: { flags: ['again', 'all'], argumentsMax: 1, run: tune },
};

/** `millrace models`: what is in the cache, and what may be done with it. */
export async function runModelsCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [first, ...others] = args;
  const isNamed = first !== undefined && !first.startsWith('-');
  const name = isNamed ? first : 'list';
  const action = actions[name];
  if (action === undefined)
    throw refused(`there is no "models ${name}"${suggestion(name, Object.keys(actions))}`);
  const given = readGiven(name, isNamed ? others : args, terminal.env);
  if (given.flags.has('help')) {
    terminal.out(`${usage}\n${describeSettings(modelsSettings)}\n`);
    return 0;
  }
  return action.run(given, terminal);
}

/** The environment may hold twins of flags of other actions, which are left alone. */
function readGiven(name: string, args: readonly string[], env: Terminal['env']): Given {
  const action = actions[name];
  const names = [...(action?.flags ?? []), 'help'] as const;
  const table = Object.fromEntries(names.map((flag) => [flag, modelsSettings[flag]]));
  const { values, rest } = settingsOf(table, { args, env });
  const most = action?.argumentsMax ?? 0;
  if (rest.length > most)
    throw refused(`models ${name} takes ${most} arguments, not ${rest.length}`);
  const flags = names.filter((flag) => values.get(flag) === true);
  return { reference: rest[0], flags: new Set(flags) };
}

function settingsOf(table: SettingTable, sources: SettingSources): Settings {
  try {
    return readSettings(table, sources);
  } catch (error) {
    throw refused(messageOf(error));
  }
}

async function list({ flags }: Given, terminal: Terminal): Promise<number> {
  const models = await listModels(terminal.env, terminal.err);
  const folder = modelsFolder(terminal.env);
  if (flags.has('json')) {
    terminal.out(`${JSON.stringify({ folder, models }, null, 2)}\n`);
  } else if (models.length === 0) {
    terminal.out(
      `There are no models in ${folder}; "millrace models pull" fetches ${defaultModel.id}.\n`,
    );
  } else {
    terminal.out(`In ${folder}:\n${tableOf(models)}`);
  }
  return 0;
}

function tableOf(models: readonly ListedModel[]): string {
  const nameWidth = Math.max(...models.map(({ name }) => name.length));
  const encodingWidth = Math.max(...models.map(({ encoding }) => encoding.length));
  const rows = models.map(({ name, sizeBytes, encoding, note }) => {
    const size = `${(sizeBytes / 2 ** 20).toFixed(0).padStart(7)} MiB`;
    return `${name.padEnd(nameWidth)}  ${size}  ${encoding.padEnd(encodingWidth)}  ${note}`;
  });
  return `${rows.join('\n')}\n`;
}

async function pull({ reference }: Given, terminal: Terminal): Promise<number> {
  const model = await ensureModel(reference, terminal);
  terminal.out(`${model.path}\n`);
  return 0;
}

async function showPath({ reference }: Given, terminal: Terminal): Promise<number> {
  const model = await ensureModel(reference, terminal, { isTuned: true });
  terminal.out(`${model.path}\n`);
  return 0;
}

async function remove({ reference }: Given, terminal: Terminal): Promise<number> {
  if (reference === undefined) throw refused('models remove needs the NAME that "list" shows');
  const models = await listModels(terminal.env, terminal.err);
  const found = models.find(({ name, path }) => name === reference || path === reference);
  if (found === undefined) {
    const known = models.map(({ name }) => name).join(', ') || 'none';
    throw refused(`remove "${reference}": there is no such model; there are: ${known}`);
  }
  for (const name of await removeModel(found, models, terminal.env))
    terminal.out(`removed ${name}\n`);
  return 0;
}

async function tune({ reference, flags }: Given, terminal: Terminal): Promise<number> {
  const { path } = await ensureModel(reference, terminal);
  const { tuneModel } = await import('../models/tune.ts');
  const { describeTuning } = await import('../models/tune-table.ts');
  const outcome = await tuneModel(path, terminal, {
    isRepeated: flags.has('again') || flags.has('all'),
    isComplete: flags.has('all'),
  });
  if (outcome.kind === 'known')
    terminal.out('It has been tuned on this machine; --again measures anew.\n');
  terminal.out(describeTuning(outcome.record));
  return 0;
}

function refused(message: string): ServerError {
  return new ServerError(`${message}\n${usage}`, { code: 'SERVER_SETTING_INVALID' });
}
