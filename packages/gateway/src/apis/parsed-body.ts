import { type ApiError, bodyNotJson } from '@millrace/openai';
import { messageOf } from '@millrace/stdx';

/** A body as JSON, or why it is none. */
export type ParsedBody =
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: ApiError };

/** Reads a body that must be JSON. */
export function parsedBody(body: Buffer): ParsedBody {
  try {
    return { kind: 'parsed', value: JSON.parse(body.toString('utf8')) as unknown };
  } catch (error) {
    return { kind: 'refused', error: bodyNotJson(messageOf(error)) };
  }
}
