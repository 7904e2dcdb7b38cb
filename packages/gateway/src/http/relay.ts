import type { ServerResponse } from 'node:http';
import { apiError, type ApiError, errorEvent } from '@millrace/openai';
import type { Clock, Timer } from '@millrace/stdx';
import type { AnswerMessage } from '../backends/backend.ts';

/** How a relayed answer ended. */
export type RelayEnd = 'whole' | 'client-gone' | 'backend-died' | 'backend-stalled';

/** What relaying needs. */
export interface RelayOptions {
  readonly clock: Clock;
  /** Longest pause between two pieces. */
  readonly pieceMsMax: number;
}

/**
 * Passes an answer on as it comes, byte for byte, no faster than the client reads. When the backend dies, a stream of
 * events ends with an event that says so; anything else is cut, so that no part can be taken for the whole.
 */
export function relay(
  message: AnswerMessage,
  response: ServerResponse,
  options: RelayOptions,
): Promise<RelayEnd> {
  const { status, headers, body } = message;
  const { byteLength } = body;
  response.writeHead(status, {
    ...Object.fromEntries(headers),
    ...(byteLength !== undefined && { 'content-length': byteLength }),
  });
  response.flushHeaders();
  const isEvents = (headers.get('content-type') ?? '').startsWith('text/event-stream');
  return new Promise((resolve) => {
    let isOver = false;
    let timer: Timer | undefined;
    const watch = (): void => {
      timer?.cancel();
      timer = options.clock.after(options.pieceMsMax, () => end('backend-stalled'));
    };
    const end = (how: RelayEnd): void => {
      if (isOver) return;
      isOver = true;
      timer?.cancel();
      if (how === 'whole') response.end();
      else body.destroy();
      if (how === 'backend-died' || how === 'backend-stalled')
        breakOff(response, isEvents ? (message.failureEvent ?? errorEvent) : undefined, how);
      resolve(how);
    };
    response.on('drain', () => {
      watch();
      body.resume();
    });
    response.once('close', () => end('client-gone'));
    watch();
    let mayGoOn = true;
    body.pipeTo({
      write: (piece) => (mayGoOn = response.write(Buffer.from(piece)) && mayGoOn),
      flush: () => {
        if (mayGoOn) watch();
        else timer?.cancel();
        const answer = mayGoOn;
        mayGoOn = true;
        return answer;
      },
      end: (how) => end(how === 'whole' ? 'whole' : 'backend-died'),
    });
  });
}

/** `eventOf` is absent where the answer is no stream of events. */
function breakOff(
  response: ServerResponse,
  eventOf: ((error: ApiError) => string) | undefined,
  how: RelayEnd,
): void {
  if (eventOf === undefined) {
    response.destroy();
    return;
  }
  const reason = how === 'backend-died' ? 'ended before its answer was whole' : 'stopped sending';
  response.end(eventOf(apiError('backend_failed', `The engine ${reason}.`)));
}
