import { type ApiError, bodyNotJson, bodyTooLarge, unsupportedMediaType } from '@millrace/openai';
import { messageOf } from '@millrace/stdx';
import type { Exchange } from './exchange.ts';

/** The body of a request, or why there is none. */
export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: ApiError }
  | { readonly kind: 'gone' };

/** Reads a body of at most `bytesMax` as JSON. */
export async function readJsonBody(exchange: Exchange, bytesMax: number): Promise<Body> {
  const contentType = exchange.header('content-type') ?? 'application/json';
  if (!/^application\/([\w.-]+\+)?json\b/i.test(contentType)) {
    return { kind: 'refused', error: unsupportedMediaType(contentType) };
  }
  if (Number(exchange.header('content-length') ?? 0) > bytesMax) {
    return { kind: 'refused', error: bodyTooLarge(bytesMax) };
  }
  const chunks = await collect(exchange, bytesMax);
  if (chunks === 'gone') return { kind: 'gone' };
  if (chunks === 'too-large') return { kind: 'refused', error: bodyTooLarge(bytesMax) };
  return parse(Buffer.concat(chunks));
}

function collect(
  exchange: Exchange,
  bytesMax: number,
): Promise<readonly Buffer[] | 'gone' | 'too-large'> {
  const { request } = exchange;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      request.removeAllListeners('data');
      resolve('too-large');
    });
    request.once('end', () => resolve(chunks));
    request.once('error', () => resolve('gone'));
    request.once('close', () => resolve('gone'));
  });
}

function parse(bytes: Buffer): Body {
  if (bytes.length === 0) return refusedAsJson('it is empty');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refusedAsJson('it is not UTF-8');
  }
  try {
    return { kind: 'json', value: JSON.parse(text) as unknown };
  } catch (error) {
    const reason = messageOf(error);
    // V8 tells the position of everything but a missing end.
    return refusedAsJson(/position/.test(reason) ? reason : `${reason}, position ${text.length}`);
  }
}

function refusedAsJson(reason: string): Body {
  return { kind: 'refused', error: bodyNotJson(reason) };
}
