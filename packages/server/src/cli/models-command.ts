import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suggestion } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { defaultModel } from '../models/default-model.ts';
import { ensureModel } from '../models/ensure-model.ts';
import { modelsFolder } from '../models/store.ts';
import type { Terminal } from './terminal.ts';

const usage = `Usage: millrace models [list]            what is here
       millrace models pull [REF]        fetch a model: hf:owner/repository/file.gguf, or the default one
       millrace models path [REF]        where it is
       millrace models remove NAME       remove a file that "list" shows
       millrace models tune [REF] [--again]  find the fastest encoding on this machine
`;

const actions: Readonly<
  Record<string, (args: readonly string[], terminal: Terminal) => Promise<number>>
> = {
  list: listModels,
  pull: async (args, terminal) => {
    const model = await ensureModel(args[0], terminal);
    terminal.out(`${model.path}\n`);
    return 0;
  },
  path: async (args, terminal) => {
    const model = await ensureModel(args[0], terminal, { isTuned: true });
    terminal.out(`${model.path}\n`);
    return 0;
  },
  remove: removeModel,
  tune: async (args, terminal) => (await import('../models/tune.ts')).tuneModel(args, terminal),
};

/** `millrace models`: what is in the cache, and what may be done with it. */
export async function runModelsCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [name = 'list', ...rest] = args;
  if (name === '--help') {
    terminal.out(usage);
    return 0;
  }
  const action = actions[name];
  if (action === undefined) {
    const hint = suggestion(name, Object.keys(actions));
    throw new ServerError(`there is no "models ${name}"${hint}\n${usage}`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  return action(rest, terminal);
}

async function listModels(_args: readonly string[], terminal: Terminal): Promise<number> {
  const folder = modelsFolder(terminal.env);
  const files = await listFiles(folder);
  if (files.length === 0)
    terminal.out(
      `There are no models in ${folder}; "millrace models pull" fetches ${defaultModel.id}.\n`,
    );
  const width = Math.max(0, ...files.map((file) => file.name.length));
  for (const { name, bytes } of files) {
    const note = name.endsWith('.part') ? '  (not complete: pull it again to go on)' : '';
    terminal.out(`${name.padEnd(width)}  ${(bytes / 2 ** 20).toFixed(0).padStart(7)} MiB${note}\n`);
  }
  return 0;
}

async function removeModel(args: readonly string[], terminal: Terminal): Promise<number> {
  const folder = modelsFolder(terminal.env);
  const files = await listFiles(folder);
  const [name] = args;
  const found = files.find((file) => file.name === name);
  if (found === undefined) {
    const known = files.map((file) => file.name).join(', ') || 'none';
    throw new ServerError(`remove "${name ?? ''}": there is no such model; there are: ${known}`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  await rm(join(folder, found.name));
  terminal.out(`removed ${found.name}\n`);
  return 0;
}

async function listFiles(
  folder: string,
): Promise<readonly { readonly name: string; readonly bytes: number }[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const models = names.filter((name) => name.endsWith('.gguf') || name.endsWith('.part'));
  return Promise.all(
    models.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })),
  );
}
