import { fork } from 'node:child_process';
import { type Clock, systemClock } from '@millrace/stdx';
import { BpfError, type BpfErrorCode } from '../errors.ts';
import { PinFolder } from '../pins/pin-folder.ts';
import type { LoaderAnswer, LoaderRequest, ObjectReport } from './loader-request.ts';

export interface LoaderOptions {
  /** Time after which a loader that has not answered is killed; a minute where it is absent. */
  readonly loadMsMax?: number;
  readonly clock?: Clock;
}

const loadMsDefault = 60_000;

/**
 * Lets a process of its own, which ends right after, verify, load, attach, pin and give away. Throws the loader's fault,
 * `BPF_LOADER_FAILED` where it died or hung; its pins are removed then.
 */
export async function runLoader(
  request: LoaderRequest,
  options: LoaderOptions = {},
): Promise<readonly ObjectReport[]> {
  const answer = await ask(request, options);
  if (answer.kind === 'done') return answer.objects;
  new PinFolder(request.folder).remove();
  throw new BpfError(answer.message, { code: answer.code as BpfErrorCode });
}

function ask(
  request: LoaderRequest,
  { loadMsMax = loadMsDefault, clock = systemClock }: LoaderOptions,
): Promise<LoaderAnswer> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const args = request.owner === undefined ? [] : ['gives'];
  const loader = fork(new URL(`./loader.entry.${extension}`, import.meta.url), args, {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve) => {
    let answer: LoaderAnswer | undefined;
    const timer = clock.after(loadMsMax, () => {
      answer = failure(`load in a process of its own: no answer within ${loadMsMax} ms`);
      loader.kill('SIGKILL');
    });
    // It begins by giving up what it does not need, and by reading nothing until then.
    loader.on('message', (message) => {
      if (message === 'ready') loader.send(request, () => undefined);
      else answer = message as LoaderAnswer;
    });
    loader.once('error', (error) => (answer ??= failure(`start a loader: ${error.message}`)));
    // An answer counts once the loader is gone, and its capabilities with it.
    loader.once('close', (status, signal) => {
      timer.cancel();
      resolve(
        answer ??
          failure(`load in a process of its own: it ended (${signal ?? status}) without an answer`),
      );
    });
  });
}

function failure(message: string): LoaderAnswer {
  return { kind: 'failed', code: 'BPF_LOADER_FAILED', message };
}
