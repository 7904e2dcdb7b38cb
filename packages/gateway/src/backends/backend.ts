import { apiError, type ApiError, type StreamWatcher } from '@millrace/openai';
import { assert, messageOf } from '@millrace/stdx';
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
  readonly failureEvent?: ((error: ApiError) => string) | undefined;
}

/** What came of it. `failed` means that no byte of an answer was received. */
export type BackendAnswer =
  | { readonly kind: 'answered'; readonly message: AnswerMessage }
  | { readonly kind: 'failed'; readonly error: ApiError }
  | { readonly kind: 'abandoned' };

/**
 * Takes what came of a request. Whoever pipes an answer's body before this returns is handed its first bytes where they
 * lie; for anybody who is later they are copied.
 */
export type TakeAnswer = (answer: BackendAnswer) => void;

/** In the place of whoever has been given an answer, and what is held through it. */
export const takenAlready: TakeAnswer = () => assert(false, 'an answer is taken once');

/** Something that answers OpenAI's API. */
export interface Backend {
  /** Undefined when it can be asked; otherwise why not. */
  readonly unavailable: ApiError | undefined;
  /** Sends a request and calls `take` once, maybe before this returns. Hot path: callbacks, as a promise for each step costs more. */
  send(request: BackendRequest, take: TakeAnswer): void;
}

/** What comes of a request, for those who can wait. */
export function answerTo(backend: Backend, request: BackendRequest): Promise<BackendAnswer> {
  return new Promise((resolve) => backend.send(request, resolve));
}

/** Hands on an answer that others are waited for; a fault of ours is an answer, too. */
export function takeLater(answering: Promise<BackendAnswer>, take: TakeAnswer): void {
  void answering.catch(failedHere).then(take);
}

/** What a client is told of a fault of ours. */
export function faultHere(error: unknown): ApiError {
  return apiError('engine_failed', `The gateway failed: ${messageOf(error)}.`);
}

/** The answer to a request that ran into a fault of ours. */
export function failedHere(error: unknown): BackendAnswer {
  return { kind: 'failed', error: faultHere(error) };
}
