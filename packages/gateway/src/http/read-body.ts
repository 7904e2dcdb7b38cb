import type { IncomingMessage } from 'node:http';
import { type ApiError, bodyTooLarge } from '@millrace/openai';

/** A body, or why there is none. */
export type ReadBody =
  | { readonly kind: 'read'; readonly body: Buffer }
  | { readonly kind: 'refused'; readonly error: ApiError }
  | { readonly kind: 'gone' };

/** Reads a request's body up to a bound. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<ReadBody> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > bytesMax) {
    return Promise.resolve({ kind: 'refused', error: bodyTooLarge(bytesMax) });
  }
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= bytesMax) pieces.push(piece);
      else resolve({ kind: 'refused', error: bodyTooLarge(bytesMax) });
    });
    request.once('end', () => resolve({ kind: 'read', body: Buffer.concat(pieces) }));
    request.once('close', () => resolve({ kind: 'gone' }));
    request.once('error', () => resolve({ kind: 'gone' }));
  });
}
