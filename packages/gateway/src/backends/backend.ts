import type { IncomingMessage } from 'node:http';
import type { ApiError } from '@millrace/openai';

/** A request as it goes to a backend: the client's bytes, unchanged. */
export interface BackendRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
  /** Models that it may be answered by, under the names that clients use; absent: all. */
  readonly modelsAllowed?: readonly string[] | undefined;
  /** Aborted when the client has gone: the backend must stop at once. */
  readonly signal: AbortSignal;
}

/** What came of it. `failed` means that no byte of an answer was received. */
export type BackendAnswer =
  | { readonly kind: 'answered'; readonly message: IncomingMessage }
  | { readonly kind: 'failed'; readonly error: ApiError }
  | { readonly kind: 'abandoned' };

/** Something that answers OpenAI's API. */
export interface Backend {
  /** Undefined when it can be asked; otherwise why not. */
  readonly unavailable: ApiError | undefined;
  send(request: BackendRequest): Promise<BackendAnswer>;
}
