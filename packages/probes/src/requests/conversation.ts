import type { MiddlePiece } from '../decoders/socket-event.ts';
import type { AssemblyBounds } from '../options.ts';
import type { ConnectionPlace, Operation } from './operation.ts';
import type { RequestDraft } from './request-draft.ts';
import type { IncompleteReason, RequestEnding } from './request-record.ts';

/** The bytes of one operation: those at its beginning, how many come between, those at its end. */
export interface OperationBytes {
  readonly head: Uint8Array;
  readonly skipped: number;
  readonly tail: Uint8Array;
  /** What was captured of those between, in order: of HTTP/2 all but the payload of DATA frames, within a bound. */
  readonly middle: readonly MiddlePiece[];
}

/** A protocol spoken on one connection. */
export interface Conversation {
  receive(operation: Operation, bytes: OperationBytes): void;
  send(operation: Operation, bytes: OperationBytes): void;
  /** Bytes of a direction were lost before the operation that comes next. */
  lose(direction: 'receive' | 'send', reason: IncompleteReason): void;
  /** The client has closed its side, or cannot be written to any more. */
  peerGone(timeNs: number): void;
  close(ending: RequestEnding, timeNs: number): void;
  /** Requests that have not ended. */
  open(): Iterable<RequestDraft>;
}

/** What a conversation needs from around it. */
export interface ConversationContext {
  readonly place: ConnectionPlace;
  readonly bounds: AssemblyBounds;
  readonly finish: (draft: RequestDraft, ending: RequestEnding, timeNs: number) => void;
}
