import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where things about a model file are kept. */
export interface ModelPlace {
  readonly path: string;
  /** What is known of the file. */
  readonly manifestPath: string;
  /** Where re-encodings of it are written. */
  readonly encodingsFolder: string;
}

/** The folder in which models are kept. */
export function modelsFolder(env: Environment): string {
  return join(cacheFolder(env), 'millrace', 'models');
}

/** Where things about a model file are kept: beside it in the cache; nothing is written beside a user's own file. */
export function placeOf(path: string, env: Environment): ModelPlace {
  const folder = modelsFolder(env);
  const absolute = resolve(path);
  const isInCache = !relative(folder, absolute).startsWith('..');
  const key = createHash('sha256').update(absolute).digest('hex').slice(0, 16);
  return {
    path: absolute,
    manifestPath: isInCache
      ? `${absolute}.json`
      : join(folder, 'own', `${basename(absolute)}.${key}.json`),
    encodingsFolder: join(folder, 'tuned'),
  };
}

function cacheFolder(env: Environment): string {
  const own = env['MILLRACE_CACHE'];
  if (own !== undefined && own !== '') return resolve(own);
  // The XDG base directory specification: a relative path is not valid and is passed over.
  const xdg = env['XDG_CACHE_HOME'];
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
}
