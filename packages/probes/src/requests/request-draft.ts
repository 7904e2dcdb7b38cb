import type { AssemblyBounds } from '../options.ts';
import { type AnswerForm, answerFormOf, AnswerScanner } from './answer-scanner.ts';
import type { ConnectionPlace, Operation } from './operation.ts';
import type { FlowStall } from '../http2/window-ledger.ts';
import { PromptScanner } from './prompt-scanner.ts';
import type {
  AbandonedWork,
  IncompleteReason,
  Output,
  RequestEnding,
  RequestRecord,
} from './request-record.ts';

const traceParentForm = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const routeCharactersMax = 256;
const tidsMax = 64;
const complete: readonly IncompleteReason[] = [];

interface DraftOptions {
  readonly place: ConnectionPlace;
  readonly bounds: AssemblyBounds;
  readonly protocol: RequestRecord['protocol'];
  readonly streamId: number;
}

/** A request on its way. Whoever parses its protocol tells it what passes; `finish` makes the record. */
export class RequestDraft {
  readonly streamId: number;
  method = '';
  status: number | undefined;
  grpcStatus: number | undefined;
  /** The HTTP/2 error code that ended its stream. */
  resetCode: number | undefined;
  flowStalls: readonly FlowStall[] = [];
  isRequestOver = false;
  isGrpc = false;
  /** Events that the protocol itself sets apart (gRPC messages); undefined when they stand in the body. */
  messages: number | undefined;
  readonly #options: DraftOptions;
  readonly #prompt: PromptScanner;
  readonly #outputs: Output[] = [];
  readonly #incomplete = new Set<IncompleteReason>();
  readonly #tids = new Set<number>();
  #answer: AnswerScanner;
  #isEncoded = false;
  #route = '';
  #traceId: string | undefined;
  #startNs = 0;
  #readNs = 0;
  #receivedNs: number | undefined;
  #headNs: number | undefined;
  #firstOutputNs: number | undefined;
  #requestBytes = 0;
  #responseBytes = 0;
  #writes = 0;
  #operationBytes = 0;
  #operationBodyBytes = 0;
  #countedEvents = 0;
  #countedChunks = 0;
  #clientGoneNs: number | undefined;
  #abandonedWrites = 0;
  #abandonedChunks = 0;
  #lastWriteNs = 0;

  constructor(options: DraftOptions) {
    this.#options = options;
    this.streamId = options.streamId;
    this.#prompt = new PromptScanner(options.bounds.promptHashBytesMax);
    this.#answer = new AnswerScanner('other', options.bounds.answerEventBytesMax);
  }

  get startNs(): number {
    return this.#startNs;
  }

  begin(operation: Operation): void {
    this.#startNs = operation.beginNs === 0 ? operation.timeNs : operation.beginNs;
    this.#readNs = operation.timeNs;
    this.#noteThread(operation);
  }

  setRequest(method: string, target: string, traceParent: string | undefined): void {
    this.method = method;
    const path = /^(?:[a-z]+:\/\/[^/]*)?([^?#]*)/.exec(target)?.[1] ?? target;
    this.#route = path.slice(0, routeCharactersMax);
    this.#traceId = traceParentForm.exec(traceParent ?? '')?.[1];
  }

  requestBytes(count: number): void {
    this.#requestBytes += count;
  }

  requestBody(bytes: Uint8Array): void {
    this.#requestBytes += bytes.length;
    this.#prompt.feed(bytes);
  }

  requestSkipped(count: number): void {
    this.#requestBytes += count;
    this.#prompt.skip();
  }

  endRequest(operation: Operation): void {
    this.isRequestOver = true;
    this.#receivedNs = operation.timeNs;
    this.#noteThread(operation);
  }

  setResponse(
    status: number,
    fields: { readonly type: string; readonly encoding: string },
    operation: Operation,
  ): void {
    this.status = status;
    this.#headNs ??= operation.timeNs;
    const isPlain = fields.encoding === '' || fields.encoding === 'identity';
    const form: AnswerForm = isPlain ? answerFormOf(fields.type.toLowerCase()) : 'other';
    this.#isEncoded = !isPlain;
    if (!isPlain) this.#incomplete.add('encoded');
    this.#answer = new AnswerScanner(form, this.#options.bounds.answerEventBytesMax);
  }

  responseBytes(count: number): void {
    this.#responseBytes += count;
    this.#operationBytes += count;
  }

  responseBody(bytes: Uint8Array): void {
    this.responseBytes(bytes.length);
    this.#operationBodyBytes += bytes.length;
    this.#answer.feed(bytes);
  }

  responseSkipped(count: number): void {
    this.responseBytes(count);
    this.#operationBodyBytes += count;
    this.#answer.skip();
  }

  /** The answer's body is whole. */
  endResponse(): void {
    this.#answer.finish();
  }

  /** A send is over: what it carried of this answer becomes one output. */
  endOperation(operation: Operation): void {
    if (this.#operationBytes === 0) return;
    this.#noteThread(operation);
    this.#writes++;
    this.#lastWriteNs = operation.timeNs;
    const events = this.#events;
    const chunks = this.#chunks;
    if (this.#operationBodyBytes > 0) this.#addOutput(operation, { events, chunks });
    if (this.#clientGoneNs !== undefined) {
      this.#abandonedWrites++;
      this.#abandonedChunks += chunks - this.#countedChunks;
    }
    this.#countedEvents = events;
    this.#countedChunks = chunks;
    this.#operationBytes = 0;
    this.#operationBodyBytes = 0;
  }

  peerGone(timeNs: number): void {
    this.#clientGoneNs ??= timeNs;
  }

  /** The client left before the server learnt of it: what was written since is abandoned. */
  peerHadGone(timeNs: number): void {
    if (this.#clientGoneNs !== undefined) return;
    this.#clientGoneNs = timeNs;
    for (const output of this.#outputs) {
      if (output.timeNs <= timeNs) continue;
      this.#abandonedWrites++;
      this.#abandonedChunks += output.contentChunks;
    }
  }

  markIncomplete(reason: IncompleteReason): void {
    this.#incomplete.add(reason);
  }

  finish(ending: RequestEnding, timeNs: number): RequestRecord {
    const { place, protocol, streamId } = this.#options;
    const { cookie, socketCookie, tgid, localAddress, localPort, peerAddress, peerPort } = place;
    const first = this.#firstOutputNs ?? this.#outputs[0]?.timeNs;
    const answer = this.#answer;
    this.#noteWhatLacks(ending);
    const isCounted = this.messages !== undefined || this.#isCountable;
    return {
      protocol,
      streamId,
      cookie,
      socketCookie,
      tgid,
      localAddress,
      localPort,
      peerAddress,
      peerPort,
      tids: [...this.#tids],
      method: this.method,
      route: this.#route,
      model: this.#prompt.model ?? answer.model,
      isStream: this.#prompt.isStream || answer.isOfEvents,
      promptHash: this.#prompt.promptHash,
      traceId: this.#traceId,
      status: this.status,
      grpcStatus: this.grpcStatus,
      resetCode: this.resetCode,
      flowStalls: this.flowStalls,
      startNs: this.#startNs,
      readNs: this.#readNs,
      receivedNs: this.#receivedNs,
      headNs: this.#headNs,
      firstOutputNs: first,
      endNs: timeNs,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      writes: this.#writes,
      events: isCounted ? this.#events : undefined,
      contentChunks: isCounted && !this.isGrpc ? this.#chunks : undefined,
      usage: answer.usage,
      outputs: this.#outputs,
      ending,
      hasStreamError: answer.hasError && this.status === 200,
      abandoned: this.#abandonment(ending),
      incomplete: this.#incomplete.size === 0 ? complete : [...this.#incomplete].toSorted(),
    };
  }

  #noteWhatLacks(ending: RequestEnding): void {
    if (this.#answer.isPartial && this.#answer.isOfEvents) this.#incomplete.add('bytes-not-seen');
    if (ending === 'lost') this.#incomplete.add('still-open');
  }

  get #isCountable(): boolean {
    return !this.#isEncoded && this.#answer.form !== 'other';
  }

  get #events(): number {
    return this.messages ?? this.#answer.events;
  }

  get #chunks(): number {
    return this.#answer.contentChunks;
  }

  #addOutput(
    operation: Operation,
    counted: { readonly events: number; readonly chunks: number },
  ): void {
    const contentChunks = counted.chunks - this.#countedChunks;
    if (contentChunks > 0) this.#firstOutputNs ??= operation.timeNs;
    if (this.#outputs.length >= this.#options.bounds.outputsPerRequestMax) {
      this.#incomplete.add('outputs-beyond-bound');
      return;
    }
    this.#outputs.push({
      timeNs: operation.timeNs,
      beginNs: operation.beginNs,
      bodyBytes: this.#operationBodyBytes,
      events: counted.events - this.#countedEvents,
      contentChunks,
      endOffset: operation.endOffset,
    });
  }

  #abandonment(ending: RequestEnding): AbandonedWork | undefined {
    const clientGoneNs = this.#clientGoneNs;
    if (clientGoneNs === undefined || ending === 'answered') return undefined;
    return {
      clientGoneNs,
      writes: this.#abandonedWrites,
      contentChunks: this.#abandonedChunks,
      lastWriteNs: this.#abandonedWrites > 0 ? this.#lastWriteNs : clientGoneNs,
    };
  }

  #noteThread(operation: Operation): void {
    if (operation.tid !== 0 && this.#tids.size < tidsMax) this.#tids.add(operation.tid);
  }
}
