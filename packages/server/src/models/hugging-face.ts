import { basename } from 'node:path';
import { ServerError } from '../errors.ts';
import type { Environment } from './store.ts';

/** A file on Hugging Face. */
export interface HuggingFaceFile {
  readonly owner: string;
  readonly repository: string;
  /** Path in the repository, with `/`. */
  readonly file: string;
}

const headMsMax = 30_000;
const segment = /^\w[\w.+=,@-]*$/;

/** Reads `hf:owner/repository/file.gguf`. Throws `SERVER_SETTING_INVALID` for anything else. */
export function parseHuggingFace(reference: string): HuggingFaceFile {
  const parts = reference.replace(/^hf:/, '').split('/');
  const [owner, repository, ...path] = parts;
  const isRight = parts.every((part) => segment.test(part) && !part.includes('..'));
  if (!isRight || owner === undefined || repository === undefined || !isGguf(path)) {
    throw new ServerError(
      `the model is "${reference}"; the form is hf:owner/repository/file.gguf`,
      {
        code: 'SERVER_SETTING_INVALID',
      },
    );
  }
  return { owner, repository, file: path.join('/') };
}

function isGguf(path: readonly string[]): boolean {
  return path.at(-1)?.toLowerCase().endsWith('.gguf') === true;
}

/** The reference of a file, as a user writes it. */
export function huggingFaceReference({ owner, repository, file }: HuggingFaceFile): string {
  return `hf:${owner}/${repository}/${file}`;
}

/** The name of the file without its folders. */
export function huggingFaceName({ file }: HuggingFaceFile): string {
  return basename(file);
}

/** Where a file is fetched from: Hugging Face, or the mirror that HF_ENDPOINT names. */
export function huggingFaceUrl(
  { owner, repository, file }: HuggingFaceFile,
  env: Environment,
): string {
  const named = env['HF_ENDPOINT'] ?? '';
  const endpoint = named === '' ? 'https://huggingface.co' : named.replace(/\/+$/, '');
  return encodeURI(`${endpoint}/${owner}/${repository}/resolve/main/${file}`);
}

/** Headers of a request: the user's token where there is one. fetch drops it when it is sent to another host. */
export function huggingFaceHeaders(env: Environment): Record<string, string> {
  const token = env['HF_TOKEN'] ?? '';
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}

/**
 * The SHA-256 that Hugging Face states for a file that it keeps as a large one; undefined where it states none or
 * cannot be asked, which the download then reports.
 */
export async function statedSha256(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const limit = AbortSignal.timeout(headMsMax);
  try {
    // The statement stands on the redirect, not on what it leads to.
    const response = await fetch(url, {
      method: 'HEAD',
      headers,
      redirect: 'manual',
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    const tag = response.headers.get('x-linked-etag')?.replaceAll('"', '') ?? '';
    return /^[0-9a-f]{64}$/.test(tag) ? tag : undefined;
  } catch {
    return undefined;
  }
}
