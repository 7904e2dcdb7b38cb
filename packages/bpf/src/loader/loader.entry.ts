import { readFileSync } from 'node:fs';
import { FaultError, messageOf } from '@millrace/stdx';
import { keepCapabilities } from '../sys/credentials.ts';
import { setCloseOnExec } from '../sys/descriptors.ts';
import { loadAndPin } from './load-and-pin.ts';
import type { LoaderAnswer, LoaderRequest } from './loader-request.ts';

/** CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN load and attach; CAP_CHOWN gives pins away. */
const kept = { always: [39, 38, 12], toGive: 0 } as const;
/** Where `fork` puts its channel: behind standard input, output and error. */
const channelFd = 3;
const [script = '', ...args] = process.argv.slice(1);
const capabilities = args.includes('gives') ? [...kept.always, kept.toGive] : kept.always;

if (process.execve !== undefined && keepCapabilities(capabilities)) {
  // A thread can drop capabilities for itself only: all threads are new in what is executed, and none has more.
  setCloseOnExec(channelFd, 'keep');
  // As it was when this program began, the channel's description among it, which Node takes out of its own copy.
  const environment = readFileSync('/proc/self/environ', 'utf8').split('\0').filter(Boolean);
  process.execve(
    process.execPath,
    [process.execPath, ...process.execArgv, script, ...args],
    Object.fromEntries(environment.map((entry) => entry.split(/=(.*)/s, 2))),
  );
}

process.once('message', (request) => {
  // Whoever asked waits for the end of this process, which comes once the channel is closed.
  process.send?.(answerTo(request as LoaderRequest), undefined, undefined, () => {
    if (process.connected) process.disconnect?.();
  });
});
process.send?.('ready');

function answerTo(request: LoaderRequest): LoaderAnswer {
  try {
    return { kind: 'done', objects: loadAndPin(request) };
  } catch (error) {
    const code = error instanceof FaultError ? error.code : 'BPF_LOAD_FAILED';
    return { kind: 'failed', code, message: messageOf(error) };
  }
}
