import { type Parsed, RefusedError } from '@millrace/openai';

/** The request that was parsed. Throws `RefusedError` when it was refused. */
export function valueOf<Request>(parsed: Parsed<Request>): Request {
  if (parsed.kind === 'parsed') return parsed.request;
  throw new RefusedError(parsed.error);
}
