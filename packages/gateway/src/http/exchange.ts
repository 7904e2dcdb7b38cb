import type { ApiError } from '@millrace/openai';
import type { Identified } from '../identity/tenant-directory.ts';
import type { BodySink, BodySource } from '../messages/body.ts';
import type { Cancellation } from '../messages/cancellation.ts';
import type { HeaderBlock } from '../messages/header-block.ts';

/** The head of a client's request. */
export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: HeaderBlock;
}

/** What is known of a request once its head has come: whose it is, and what its answer will call it. */
export interface Admission {
  readonly identified: Identified;
  readonly requestId: string;
  readonly startedAtMs: number;
  /** Refuses the request before its body is read. */
  readonly refusal: ApiError | undefined;
}

/** A request that has come whole, and the way back to its client. */
export interface Exchange extends RequestHead {
  readonly body: Buffer;
  readonly admission: Admission;
  /** Cancelled when the client has gone. */
  readonly cancellation: Cancellation;
  readonly responder: Responder;
}

/** The head of an answer to a client. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: HeaderBlock;
  readonly requestId: string;
  /** Bytes of the body; undefined: its end will tell. */
  readonly byteLength: number | undefined;
}

/** What pauses where its taker is slow. */
export type Resumable = Pick<BodySource, 'resume'>;

/** Of an answer that is there whole. */
export const neverPaused: Resumable = { resume: () => undefined };

/** The way back to a client, whatever it speaks. Exactly one answer is given for each exchange. */
export interface Responder {
  /** Answers with a body that is there. */
  answer(head: AnswerHead, body: Buffer): void;
  /** Begins an answer; `source` resumes when a flush asked for a pause and the client has caught up. */
  begin(head: AnswerHead, source: Resumable): BodySink;
}

/** What answers requests, whatever protocol brings them. */
export interface RequestHandler {
  /** The head has come. */
  admit(head: RequestHead): Admission;
  answer(exchange: Exchange): void;
  /** A request was answered with an error before it had come whole. */
  noteRefused(status: number, admission: Admission | undefined): void;
}
