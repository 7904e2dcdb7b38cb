import type { ApiError } from '@millrace/openai';
import type { BackendRequest } from '../backends/backend.ts';

/** A request in an API that an engine does not speak, on its way to one. */
export interface Translation {
  /** What the engine is asked. */
  readonly target: string;
  readonly body: Buffer;
  /** What the engine's whole answer becomes; throws `AnswerUnreadableError`. */
  readonly answerOf: (body: unknown) => WholeAnswer;
  /** What the engine's error answer becomes. */
  readonly errorOf: (answer: WholeAnswer) => WholeAnswer;
  /** Present: a stream is asked for. */
  readonly stream?: AnswerStream;
}

/** An answer that is there whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly body: string;
}

/** What becomes of a request: it is translated, or its client is told why not. */
export type Translated =
  | { readonly kind: 'translated'; readonly translation: Translation }
  | { readonly kind: 'refused'; readonly error: ApiError };

/** Turns the events of an engine's stream into those of another API. */
export interface AnswerStream {
  readonly isOver: boolean;
  /** The events that the data of an engine's event becomes; throws `AnswerUnreadableError`. */
  push(data: string): string;
  /** The events with which the answer ends; throws `AnswerUnreadableError`. */
  end(): string;
  /** The event that tells of a failure; empty where the end was told already. */
  fail(error: { readonly status: number; readonly message: string }): string;
}

/** The part of a request that translations read. */
export type TranslatedRequest = Pick<BackendRequest, 'headers' | 'body' | 'method' | 'target'>;
