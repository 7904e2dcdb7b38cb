import type { Duplex } from 'node:stream';
import {
  type ApiError,
  errorBody,
  headersTooLarge,
  malformedRequest,
  requestTimeout,
} from '@millrace/openai';
import type { ResolvedServerOptions } from './server-options.ts';

const reasonPhrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** Answers bytes that are no request, on a connection that has no response yet. */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  options: ResolvedServerOptions,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const told = errorOf(error, options);
  const body = errorBody(told);
  socket.end(
    `HTTP/1.1 ${told.status} ${reasonPhrases[told.status] ?? 'Error'}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
}

function errorOf(error: NodeJS.ErrnoException, options: ResolvedServerOptions): ApiError {
  if (error.code === 'HPE_HEADER_OVERFLOW') return headersTooLarge(options.headerBytesMax);
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return requestTimeout(options.arrivalMsMax);
  return malformedRequest(error.message);
}
