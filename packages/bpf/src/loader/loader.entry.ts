import { FaultError, messageOf } from '@millrace/stdx';
import { loadAndPin } from './load-and-pin.ts';
import type { LoaderAnswer, LoaderRequest } from './loader-request.ts';

process.once('message', (request) => {
  // Whoever asked waits for the end of this process, which comes once the channel is closed.
  process.send?.(answerTo(request as LoaderRequest), undefined, undefined, () => {
    if (process.connected) process.disconnect?.();
  });
});

function answerTo(request: LoaderRequest): LoaderAnswer {
  try {
    return { kind: 'done', objects: loadAndPin(request) };
  } catch (error) {
    const code = error instanceof FaultError ? error.code : 'BPF_LOAD_FAILED';
    return { kind: 'failed', code, message: messageOf(error) };
  }
}
