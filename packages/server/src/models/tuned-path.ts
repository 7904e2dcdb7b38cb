import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { llamaVersion } from '@millrace/llama';
import type { Terminal } from '../cli/terminal.ts';
import { type ModelManifest, readManifest, writeManifest } from './manifest.ts';
import { type Environment, placeOf } from './store.ts';
import { holdsFor, tuneKey, type TuneRecord } from './tune-record.ts';

/** The file to serve for a model: the re-encoding that tuning chose on this machine, else the file itself. */
export function preferredPath(path: string, env: Environment): string {
  return tuningAt(path, env)?.servedPath ?? path;
}

/** What tuning found for the model at a path, as far as it holds here. */
export function tuningAt(path: string, env: Environment): TuneRecord | undefined {
  return tuningOf(readKnown(path, env));
}

/** What tuning found for a model, as far as it holds here and the file that it chose is still there. */
export function tuningOf(manifest: ModelManifest | undefined): TuneRecord | undefined {
  const record = manifest?.tuning;
  if (manifest === undefined || record === undefined) return undefined;
  if (!holdsFor(record, tuneKey(manifest.sha256, llamaVersion))) return undefined;
  const { servedPath } = record;
  return servedPath === undefined || existsSync(servedPath) ? record : undefined;
}

/** Tunes a model that has not been tuned here, in a process of its own, so that this one stays lean. */
export async function tuneOnce(path: string, terminal: Terminal): Promise<void> {
  const manifest = readKnown(path, terminal.env);
  if (manifest === undefined || tuningOf(manifest) !== undefined) return;
  const failure = await runTuning(path, terminal);
  if (failure === undefined || failure === 'SIGINT' || failure === 'SIGTERM') return;
  terminal.err(
    `tuning failed (${failure}); the model is served as it is. Again: millrace models tune\n`,
  );
  const reason = `tuning failed: ${failure}`;
  const key = tuneKey(manifest.sha256, llamaVersion);
  const tuning: TuneRecord = { key, reason, rounds: 0, candidates: [] };
  await writeManifest(placeOf(path, terminal.env), { ...manifest, tuning });
}

/** Resolves to why it failed, if it did. */
async function runTuning(path: string, terminal: Terminal): Promise<string | undefined> {
  const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
  const args = [...process.execArgv, program, 'models', 'tune', path];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...terminal.env },
  });
  child.stdout.setEncoding('utf8').on('data', terminal.err);
  child.stderr.setEncoding('utf8').on('data', terminal.err);
  return new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (status, signal) => {
      done(status === 0 ? undefined : signal === null ? `status ${status}` : signal);
    });
  });
}

function readKnown(path: string, env: Environment): ModelManifest | undefined {
  const reading = readManifest(placeOf(path, env));
  return reading.kind === 'found' ? reading.manifest : undefined;
}
