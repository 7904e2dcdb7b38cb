import type { IncomingMessage, ServerResponse } from 'node:http';
import { apiError, errorEvent } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import { endToEnd } from './headers.ts';

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
  message: IncomingMessage,
  response: ServerResponse,
  options: RelayOptions,
): Promise<RelayEnd> {
  response.writeHead(message.statusCode ?? 502, message.statusMessage, {
    ...endToEnd(message.headers),
  } as Record<string, string>);
  response.flushHeaders();
  const isEvents = (message.headers['content-type'] ?? '').startsWith('text/event-stream');
  return new Promise((resolve) => {
    let isOver = false;
    let timer = options.clock.after(options.pieceMsMax, () => end('backend-stalled'));
    const end = (how: RelayEnd): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      if (how === 'whole') response.end();
      else message.destroy();
      if (how === 'backend-died' || how === 'backend-stalled') breakOff(response, isEvents, how);
      resolve(how);
    };
    message.on('data', (piece: Buffer) => {
      timer.cancel();
      if (!response.write(piece)) message.pause();
      else timer = options.clock.after(options.pieceMsMax, () => end('backend-stalled'));
    });
    response.on('drain', () => {
      timer.cancel();
      timer = options.clock.after(options.pieceMsMax, () => end('backend-stalled'));
      message.resume();
    });
    message.once('end', () => end(message.complete ? 'whole' : 'backend-died'));
    message.once('error', () => end('backend-died'));
    message.once('close', () => end('backend-died'));
    response.once('close', () => end('client-gone'));
  });
}

function breakOff(response: ServerResponse, isEvents: boolean, how: RelayEnd): void {
  if (!isEvents) {
    response.destroy();
    return;
  }
  const reason = how === 'backend-died' ? 'ended before its answer was whole' : 'stopped sending';
  response.end(errorEvent(apiError('backend_failed', `The engine ${reason}.`)));
}
