import type {
  Conversation,
  ConversationContext,
  OperationBytes,
} from '../requests/conversation.ts';
import type { Operation } from '../requests/operation.ts';
import { RequestDraft } from '../requests/request-draft.ts';
import type { IncompleteReason, RequestEnding } from '../requests/request-record.ts';
import {
  type BodyLength,
  type MessageHead,
  MessageParser,
  type MessageSink,
} from './message-parser.ts';

const requestStart = /^[A-Z]{3,16} \S+/;
const responseStart = /^HTTP\/1\.[01] \d{3}/;
const none: BodyLength = { kind: 'fixed', bytes: 0 };
const noOperation: Operation = { timeNs: 0, beginNs: 0, tid: 0, endOffset: 0 };

/** HTTP/1.1 as a server speaks it: answers come in the order of their requests, which may be sent ahead. */
export class Http1Conversation implements Conversation {
  readonly #context: ConversationContext;
  readonly #requests: MessageParser;
  readonly #responses: MessageParser;
  /** Requests that have no whole answer yet, oldest first. */
  readonly #open: RequestDraft[] = [];
  readonly #answered: RequestDraft[] = [];
  #receiving: RequestDraft | undefined;
  #operation: Operation = noOperation;
  /** The operation in which the head of the request that comes next began. */
  #headOperation: Operation = noOperation;
  #isInterim = false;
  #isPeerGone: number | undefined;

  constructor(context: ConversationContext, options: { readonly isMidway: boolean }) {
    this.#context = context;
    const { headBytesMax } = context.bounds;
    this.#requests = new MessageParser(this.#requestSink(), {
      startForm: requestStart,
      headBytesMax,
    });
    this.#responses = new MessageParser(this.#responseSink(), {
      startForm: responseStart,
      headBytesMax,
    });
    if (options.isMidway) {
      this.#requests.lose();
      this.#responses.lose();
    }
  }

  receive(operation: Operation, bytes: OperationBytes): void {
    this.#operation = operation;
    this.#requests.beginOperation(bytes.head);
    if (this.#requests.isBetweenMessages) this.#headOperation = operation;
    feed(this.#requests, bytes);
  }

  send(operation: Operation, bytes: OperationBytes): void {
    this.#operation = operation;
    feed(this.#responses, bytes);
    for (const draft of this.#answered) {
      draft.endOperation(operation);
      this.#context.finish(draft, 'answered', operation.timeNs);
    }
    this.#answered.length = 0;
    this.#open[0]?.endOperation(operation);
  }

  lose(direction: 'receive' | 'send', reason: IncompleteReason): void {
    for (const draft of this.#open) draft.markIncomplete(reason);
    if (direction === 'receive') {
      this.#requests.lose();
      this.#receiving = undefined;
    } else this.#responses.lose();
  }

  peerGone(timeNs: number): void {
    this.#isPeerGone = timeNs;
    for (const draft of this.#open) draft.peerGone(timeNs);
  }

  close(ending: RequestEnding, timeNs: number): void {
    const isWhole = this.#responses.isUntilClose && ending === 'server-closed';
    for (const [index, draft] of this.#open.entries()) {
      if (index === 0 && isWhole) draft.endResponse();
      this.#context.finish(draft, index === 0 && isWhole ? 'answered' : ending, timeNs);
    }
    this.#open.length = 0;
  }

  open(): Iterable<RequestDraft> {
    return this.#open;
  }

  #requestSink(): MessageSink {
    return {
      onHead: (head) => this.#beginRequest(head),
      onBytes: (count) => this.#receiving?.requestBytes(count),
      onBody: (bytes) => this.#receiving?.requestBody(bytes),
      onBodySkipped: (count) => this.#receiving?.requestSkipped(count),
      onEnd: () => {
        this.#receiving?.endRequest(this.#operation);
        this.#headOperation = this.#operation;
      },
      onLost: (reason) => this.lose('receive', reason),
    };
  }

  #beginRequest(head: MessageHead): BodyLength {
    const { place, bounds } = this.#context;
    // Without sight of the answers, those before are over by the time that a further request comes.
    if (this.#responses.isLost) this.close('lost', this.#operation.timeNs);
    if (this.#open.length >= bounds.requestsPerConnectionMax) {
      const oldest = this.#open.shift();
      oldest?.markIncomplete('requests-beyond-bound');
      if (oldest !== undefined) this.#context.finish(oldest, 'lost', this.#operation.timeNs);
    }
    const draft = new RequestDraft({ place, bounds, protocol: 'http/1.1', streamId: 0 });
    draft.begin(this.#headOperation);
    this.#headOperation = this.#operation;
    const [method, target] = head.start;
    draft.setRequest(method, target, head.fields.get('traceparent'));
    if (this.#isPeerGone !== undefined) draft.peerGone(this.#isPeerGone);
    this.#open.push(draft);
    this.#receiving = draft;
    return lengthOf(head) ?? none;
  }

  #responseSink(): MessageSink {
    return {
      onHead: (head) => this.#beginResponse(head),
      onBytes: (count) => this.#open[0]?.responseBytes(count),
      onBody: (bytes) => this.#open[0]?.responseBody(bytes),
      onBodySkipped: (count) => this.#open[0]?.responseSkipped(count),
      onEnd: () => this.#endResponse(),
      onLost: (reason) => this.lose('send', reason),
    };
  }

  #beginResponse(head: MessageHead): BodyLength {
    const status = Number(head.start[1]);
    const draft = this.#open[0];
    this.#isInterim = status >= 100 && status < 200 && status !== 101;
    if (!this.#isInterim) {
      const type = head.fields.get('content-type') ?? '';
      const encoding = head.fields.get('content-encoding') ?? '';
      draft?.setResponse(status, { type, encoding }, this.#operation);
    }
    if (status === 101) {
      this.#requests.lose();
      return { kind: 'tunnel' };
    }
    if (isBodiless(status, draft?.method)) return none;
    return lengthOf(head) ?? { kind: 'until-close' };
  }

  #endResponse(): void {
    if (this.#isInterim) return;
    const draft = this.#open.shift();
    if (draft === undefined) return;
    draft.endResponse();
    if (draft === this.#receiving && draft.isRequestOver) this.#receiving = undefined;
    this.#answered.push(draft);
  }
}

/** Whether an answer has no body, whatever its fields say (RFC 9112, 6.3). */
function isBodiless(status: number, method: string | undefined): boolean {
  return status < 200 || status === 204 || status === 304 || method === 'HEAD';
}

function feed(parser: MessageParser, { head, skipped, tail }: OperationBytes): void {
  parser.beginOperation(head);
  parser.feed(head);
  if (skipped > 0) parser.skip(skipped);
  parser.feed(tail);
}

/** The length that a message's fields give; undefined when they give none (RFC 9112, 6.3). */
function lengthOf({ fields }: MessageHead): BodyLength | undefined {
  if (/(^|,)\s*chunked\s*$/i.test(fields.get('transfer-encoding') ?? ''))
    return { kind: 'chunked' };
  const digits = /^\d{1,15}/.exec(fields.get('content-length') ?? '')?.[0];
  return digits === undefined ? undefined : { kind: 'fixed', bytes: Number(digits) };
}
