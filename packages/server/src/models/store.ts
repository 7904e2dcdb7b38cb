import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder in which models are kept. */
export function modelsFolder(env: Readonly<Record<string, string | undefined>>): string {
  const cache = env['MILLRACE_CACHE'] ?? env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'millrace', 'models');
}
