import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '@millrace/stdx';
import { knowModel, type ModelManifest, readManifest } from './manifest.ts';
import { type Environment, modelsFolder, placeOf } from './store.ts';
import { tuningOf } from './tuned-path.ts';

/** A file in the cache. */
export interface ListedModel {
  /** Path in the cache folder, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly encoding: string;
  /** Where it came from, and what else there is to say. */
  readonly note: string;
}

const partSuffix = '.part';

/** All models in the cache, also such as have come in part only. Unreadable manifests are named and made anew. */
export async function listModels(
  env: Environment,
  tell: (text: string) => void,
): Promise<readonly ListedModel[]> {
  const folder = modelsFolder(env);
  const entries = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.map((name) => name.replaceAll('\\', '/')).toSorted();
  const models: ListedModel[] = [];
  for (const name of names) {
    const path = join(folder, name);
    if (name.endsWith(`.gguf${partSuffix}`)) {
      const note = 'not complete: pull it again to go on';
      models.push({ name, path, sizeBytes: (await stat(path)).size, encoding: '–', note });
    } else if (name.endsWith('.gguf')) {
      models.push({ name, path, ...(await describe(path, env, tell)) });
    }
  }
  return models;
}

async function describe(
  path: string,
  env: Environment,
  tell: (text: string) => void,
): Promise<Pick<ListedModel, 'sizeBytes' | 'encoding' | 'note'>> {
  const { size: sizeBytes } = await stat(path);
  try {
    const manifest = await knowModel(placeOf(path, env), { origin: 'found in the cache', tell });
    return { sizeBytes, encoding: manifest.encoding, note: noteOf(manifest) };
  } catch (error) {
    return { sizeBytes, encoding: '?', note: messageOf(error) };
  }
}

function noteOf(manifest: ModelManifest): string {
  const record = tuningOf(manifest);
  if (record === undefined) return manifest.origin;
  const { servedPath } = record;
  const what = servedPath === undefined ? 'as it is' : `as ${basename(servedPath)}`;
  return `${manifest.origin}; tuned, served ${what}`;
}

/** Removes a file with all that is kept about it and, of a model, the re-encodings made from it. Resolves to their names. */
export async function removeModel(
  model: ListedModel,
  models: readonly ListedModel[],
  env: Environment,
): Promise<readonly string[]> {
  const removed = [model, ...models.filter((other) => madeFrom(other, env) === model.path)];
  for (const { path } of removed) {
    await rm(path);
    for (const beside of [placeOf(path, env).manifestPath, `${path}${partSuffix}.json`])
      await rm(beside, { force: true });
  }
  return removed.map(({ name }) => name);
}

function madeFrom({ path }: ListedModel, env: Environment): string | undefined {
  const reading = readManifest(placeOf(path, env));
  return reading.kind === 'found' ? reading.manifest.madeFrom : undefined;
}
