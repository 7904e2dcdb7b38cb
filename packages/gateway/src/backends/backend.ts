import type { ApiError, StreamWatcher } from '@millrace/openai';
import type { BodySource } from '../messages/body.ts';
import type { Cancellation } from '../messages/cancellation.ts';
import type { HeaderBlock } from '../messages/header-block.ts';

/** A request as it goes to a backend: the client's bytes, unchanged. */
export interface BackendRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: HeaderBlock;
  readonly body: Buffer;
  /** Models that it may be answered by, under the names that clients use; absent: all. */
  readonly modelsAllowed?: readonly string[] | undefined;
  /** Cancelled when nobody wants the answer: the backend must stop at once, also in the middle of the body. */
  readonly cancellation: Cancellation;
}

/** An answer whose head has come. Whoever has it pipes its body, discards it or destroys it. */
export interface AnswerMessage {
  readonly status: number;
  readonly headers: HeaderBlock;
  readonly body: BodySource;
  /** What reads the body's events as they pass; absent: nobody does yet. */
  readonly events?: StreamWatcher | undefined;
  /** The event with which a stream ends that its backend broke off, in the API's own form; absent: OpenAI's. */
  readonly failureEvent?: (error: ApiError) => string;
}

/** What came of it. `failed` means that no byte of an answer was received. */
export type BackendAnswer =
  | { readonly kind: 'answered'; readonly message: AnswerMessage }
  | { readonly kind: 'failed'; readonly error: ApiError }
  | { readonly kind: 'abandoned' };

/** Something that answers OpenAI's API. */
export interface Backend {
  /** Undefined when it can be asked; otherwise why not. */
  readonly unavailable: ApiError | undefined;
  send(request: BackendRequest): Promise<BackendAnswer>;
}
