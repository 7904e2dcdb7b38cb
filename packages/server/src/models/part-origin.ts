import { readFile, rm, writeFile } from 'node:fs/promises';

/** Beside a file that has come in part lies where it came from, so that only the same file is gone on with. */
function originPath(to: string): string {
  return `${to}.part.json`;
}

/** The validator under which the part of `to` was sent from this address; undefined when there is none. */
export async function readPartOrigin(to: string, url: string): Promise<string | undefined> {
  try {
    const origin = JSON.parse(await readFile(originPath(to), 'utf8')) as Record<string, unknown>;
    const { validator } = origin;
    return origin['url'] === url && typeof validator === 'string' ? validator : undefined;
  } catch {
    // Missing or unreadable comes to the same: the part cannot be vouched for.
    return undefined;
  }
}

/** Keeps what tells this file from another at the same address: a strong ETag, or the time it was changed. */
export async function writePartOrigin(
  to: string,
  from: { readonly url: string; readonly response: Response },
): Promise<void> {
  const tag = from.response.headers.get('etag');
  const strongTag = tag?.startsWith('W/') === true ? null : tag;
  const validator = strongTag ?? from.response.headers.get('last-modified');
  await writeFile(originPath(to), JSON.stringify({ url: from.url, validator }));
}

/** Removes what has come of `to`, and what was kept about it. */
export async function removePart(to: string): Promise<void> {
  await rm(`${to}.part`, { force: true });
  await rm(originPath(to), { force: true });
}
