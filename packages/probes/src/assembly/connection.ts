import type { SocketEvent } from '../decoders/socket-event.ts';
import { Http1Conversation } from '../http/http1-conversation.ts';
import { looksLikeFrames } from '../http2/frame-parser.ts';
import { Http2Conversation } from '../http2/http2-conversation.ts';
import type {
  Conversation,
  ConversationContext,
  OperationBytes,
} from '../requests/conversation.ts';
import type { ConnectionPlace, Operation } from '../requests/operation.ts';
import type { RequestDraft } from '../requests/request-draft.ts';
import type { RequestEnding } from '../requests/request-record.ts';

const prefacePrefix = 'PRI ';
const [tcpEstablished, tcpFinWait1, tcpClose, tcpCloseWait] = [1, 4, 7, 8];
/** EPIPE, ECONNRESET. */
const peerGoneErrors: ReadonlySet<number> = new Set([-32, -104]);
const noBytes = new Uint8Array(0);
const nothing: readonly RequestDraft[] = [];

interface Held {
  readonly operation: Operation;
  readonly bytes: OperationBytes;
}

/** One watched connection: finds out what is spoken on it, and notices what was lost from its offsets. */
export class Connection {
  readonly place: ConnectionPlace;
  readonly #context: ConversationContext;
  #conversation: Conversation | undefined;
  /** Neither HTTP/1.1 nor HTTP/2, or encrypted: left alone. */
  #isOpaque = false;
  #held: Held[] = [];
  #received: number | undefined;
  #sent: number | undefined;
  #isMidway: boolean;
  #hasServerClosed = false;
  /** The peer of a Unix socket sends no more. */
  #isPeerDone = false;

  constructor(event: SocketEvent, context: Omit<ConversationContext, 'place'>) {
    this.place = {
      cookie: event.cookie,
      socketCookie: undefined,
      tgid: event.tgid,
      localAddress: event.localAddress,
      localPort: event.localPort,
      peerAddress: event.peerAddress,
      peerPort: event.peerPort,
    };
    this.#context = { ...context, place: this.place };
    this.#isMidway = event.isMidway;
  }

  /** Takes an event; answers whether the connection is over. */
  take(event: SocketEvent): boolean {
    if (event.kind === 'open') this.#learn(event);
    else if (event.kind === 'state') return this.#changeState(event);
    else if (event.kind === 'receive') this.#receive(event);
    else this.#send(event);
    return event.isUnix && this.#isUnixOver(event);
  }

  open(): Iterable<RequestDraft> {
    return this.#conversation?.open() ?? nothing;
  }

  close(ending: RequestEnding, timeNs: number): void {
    this.#conversation?.close(ending, timeNs);
  }

  #learn(event: SocketEvent): void {
    this.place.tgid = event.tgid;
    if (event.offset > 0) this.place.socketCookie = event.offset;
    this.place.localAddress = event.localAddress;
    this.place.peerAddress = event.peerAddress;
  }

  #receive(event: SocketEvent): void {
    if (event.result <= 0) {
      this.#conversation?.peerGone(event.timeNs);
      return;
    }
    const isWhole =
      this.#received === undefined
        ? event.offset === 0 || this.#isMidway
        : this.#received === event.offset;
    this.#received = event.offset + event.result;
    if (!isWhole) this.#lose('receive');
    if (this.#isOpaque) return;
    const operation = operationOf(event);
    const bytes = bytesOf(event);
    if (this.#conversation === undefined) this.#decide({ operation, bytes });
    else this.#conversation.receive(operation, bytes);
  }

  #send(event: SocketEvent): void {
    if (event.result < 0) {
      if (peerGoneErrors.has(event.result)) this.#conversation?.peerGone(event.timeNs);
      return;
    }
    const isWhole =
      this.#sent === undefined ? event.offset === 0 || this.#isMidway : this.#sent === event.offset;
    this.#sent = event.offset + event.result;
    if (!isWhole) this.#lose('send');
    this.#conversation?.send(operationOf(event), bytesOf(event));
  }

  /** The end of a Unix socket shows where the peer's is: at the end of what it sends, once all is answered, or by a send that fails. */
  #isUnixOver({ kind, result, timeNs }: SocketEvent): boolean {
    const hasFailed = kind === 'send' && peerGoneErrors.has(result);
    if (hasFailed) this.#conversation?.close('peer-reset', timeNs);
    if (kind === 'receive' && result === 0) this.#isPeerDone = true;
    return hasFailed || (this.#isPeerDone && [...this.open()].length === 0);
  }

  #lose(direction: 'receive' | 'send'): void {
    if (this.#conversation === undefined) {
      // What was lost may have been its beginning.
      this.#isMidway = true;
      this.#held = [];
    } else this.#conversation.lose(direction, 'events-lost');
  }

  #decide(held: Held): void {
    this.#held.push(held);
    const prefix = Buffer.concat(this.#held.map(({ bytes }) => bytes.head)).subarray(0, 32);
    const start = prefix.toString('latin1');
    if (start.startsWith(prefacePrefix))
      this.#converse(new Http2Conversation(this.#context, { isMidway: false }));
    else if (prefacePrefix.startsWith(start)) this.#keepHeld();
    else if (/^[A-Z]{1,16}( |$)/.test(start))
      this.#converse(new Http1Conversation(this.#context, { isMidway: this.#isMidway }));
    else if (!this.#isMidway) {
      this.#isOpaque = true;
      this.#held = [];
    } else if (looksLikeFrames(held.bytes.head)) {
      this.#converse(new Http2Conversation(this.#context, { isMidway: true }));
    } else this.#held = [];
  }

  /** What cannot be decided yet is kept: at most three bytes, but the memory they stand in is not ours. */
  #keepHeld(): void {
    this.#held = this.#held.map(({ operation, bytes }) => ({
      operation,
      bytes: {
        head: Uint8Array.from(bytes.head),
        skipped: bytes.skipped,
        tail: Uint8Array.from(bytes.tail),
        // Three bytes have no middle.
        middle: [],
      },
    }));
  }

  #converse(conversation: Conversation): void {
    this.#conversation = conversation;
    for (const { operation, bytes } of this.#held) conversation.receive(operation, bytes);
    this.#held = [];
  }

  #changeState(event: SocketEvent): boolean {
    const from = event.result;
    if (event.state === tcpCloseWait) this.#conversation?.peerGone(event.timeNs);
    else if (event.state === tcpFinWait1) {
      this.#hasServerClosed = true;
      this.#conversation?.close('server-closed', event.timeNs);
    } else if (event.state === tcpClose) {
      const isReset = !this.#hasServerClosed && (from === tcpEstablished || from === tcpCloseWait);
      if (isReset) this.#conversation?.peerGone(event.timeNs);
      this.#conversation?.close(isReset ? 'peer-reset' : 'peer-closed', event.timeNs);
      return true;
    }
    return false;
  }
}

function operationOf(event: SocketEvent): Operation {
  return {
    timeNs: event.timeNs,
    beginNs: event.beginNs,
    tid: event.tid,
    endOffset: event.offset + event.result,
  };
}

function bytesOf(event: SocketEvent): OperationBytes {
  const skipped = event.result - event.head.length - event.tail.length;
  const { head, tail, middle } = event;
  if (skipped < 0)
    return { head: head.subarray(0, event.result), skipped: 0, tail: noBytes, middle };
  return { head, skipped, tail, middle };
}
