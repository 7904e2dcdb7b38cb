import type {
  Conversation,
  ConversationContext,
  OperationBytes,
} from '../requests/conversation.ts';
import type { Operation } from '../requests/operation.ts';
import { RequestDraft } from '../requests/request-draft.ts';
import type { IncompleteReason, RequestEnding } from '../requests/request-record.ts';
import {
  frameFlags,
  type FrameHead,
  FrameParser,
  type FrameSink,
  frameTypes,
} from './frame-parser.ts';
import {
  GrpcMessageCounter,
  grpcStatusOfGoAway,
  grpcStatusOfHttp,
  grpcStatusOfReset,
} from './grpc.ts';
import { HeaderDecoder, type HeaderField } from './header-decoder.ts';
import { WindowLedger } from './window-ledger.ts';

type Direction = 'receive' | 'send';

interface Stream {
  readonly draft: RequestDraft;
  readonly messages: GrpcMessageCounter;
  hasAnswer: boolean;
}

interface Side {
  readonly parser: FrameParser;
  readonly headers: HeaderDecoder;
  /** A block of headers that CONTINUATION frames go on with. */
  block: { readonly frame: FrameHead; readonly pieces: Uint8Array[]; isWhole: boolean } | undefined;
}

const settingInitialWindow = 4;
const frameHeadBytes = 9;
const noError = 0;
const noOperation: Operation = { timeNs: 0, beginNs: 0, tid: 0, endOffset: 0 };

/** HTTP/2 as a server speaks it: any number of streams at once, with the account of what its client lets it send. */
export class Http2Conversation implements Conversation {
  readonly #context: ConversationContext;
  readonly #isMidway: boolean;
  readonly #windows = new WindowLedger();
  readonly #streams = new Map<number, Stream>();
  readonly #finished: { readonly draft: RequestDraft; readonly ending: RequestEnding }[] = [];
  readonly #touched = new Set<RequestDraft>();
  readonly #receiving: Side;
  readonly #sending: Side;
  #framesOfReceive = 0;
  #operation: Operation = noOperation;

  constructor(context: ConversationContext, options: { readonly isMidway: boolean }) {
    this.#context = context;
    this.#isMidway = options.isMidway;
    const { isMidway } = options;
    this.#receiving = {
      parser: new FrameParser(this.#sink('receive'), { hasPreface: !isMidway, isMidway }),
      headers: new HeaderDecoder(),
      block: undefined,
    };
    this.#sending = {
      parser: new FrameParser(this.#sink('send'), { hasPreface: false, isMidway }),
      headers: new HeaderDecoder(),
      block: undefined,
    };
  }

  receive(operation: Operation, bytes: OperationBytes): void {
    this.#framesOfReceive = 0;
    this.#operation = operation;
    feed(this.#receiving.parser, bytes);
    this.#flush();
  }

  send(operation: Operation, bytes: OperationBytes): void {
    this.#operation = operation;
    feed(this.#sending.parser, bytes);
    for (const draft of this.#touched) draft.endOperation(operation);
    this.#flush();
  }

  lose(direction: Direction, reason: IncompleteReason): void {
    for (const { draft } of this.#streams.values()) draft.markIncomplete(reason);
    const side = direction === 'receive' ? this.#receiving : this.#sending;
    side.parser.lose();
    side.headers.forget();
    side.block = undefined;
  }

  peerGone(timeNs: number): void {
    for (const { draft } of this.#streams.values()) draft.peerGone(timeNs);
  }

  close(ending: RequestEnding, timeNs: number): void {
    for (const [streamId, { draft }] of this.#streams) {
      draft.flowStalls = this.#windows.close(streamId, draft.startNs);
      this.#context.finish(draft, ending, timeNs);
    }
    this.#streams.clear();
  }

  *open(): Iterable<RequestDraft> {
    for (const { draft } of this.#streams.values()) yield draft;
  }

  #flush(): void {
    this.#touched.clear();
    for (const { draft, ending } of this.#finished) {
      this.#context.finish(draft, ending, this.#operation.timeNs);
    }
    this.#finished.length = 0;
  }

  #sink(direction: Direction): FrameSink {
    const isSend = direction === 'send';
    const draftOf = (frame: FrameHead): RequestDraft | undefined => this.#draftOf(frame.streamId);
    return {
      onFrame: (frame) => {
        if (!isSend) this.#framesOfReceive++;
        const draft = draftOf(frame);
        if (isSend && frame.type === frameTypes.data) {
          this.#windows.sent(frame.streamId, frame.length, this.#operation.timeNs);
        }
        if (isSend) draft?.responseBytes(frameHeadBytes);
        else draft?.requestBytes(frameHeadBytes);
      },
      onData: (frame, bytes) => {
        if (!isSend) draftOf(frame)?.requestBody(bytes);
        else this.#answerData(frame.streamId, bytes);
      },
      onDataSkipped: (frame, count) => {
        if (!isSend) draftOf(frame)?.requestSkipped(count);
        else this.#answerSkipped(frame.streamId, count);
      },
      onDataEnd: (frame) => {
        if ((frame.flags & frameFlags.endStream) !== 0) this.#endStream(direction, frame.streamId);
      },
      onWhole: (frame, payload) => this.#takeFrame(direction, frame, payload),
      onLost: () => this.lose(direction, 'framing-lost'),
    };
  }

  #draftOf(streamId: number): RequestDraft | undefined {
    const draft = this.#streams.get(streamId)?.draft;
    if (draft !== undefined) this.#touched.add(draft);
    return draft;
  }

  #answerData(streamId: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.draft.responseBody(bytes);
    if (!stream.draft.isGrpc) return;
    stream.messages.feed(bytes);
    stream.draft.messages = stream.messages.count;
  }

  #answerSkipped(streamId: number, count: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.draft.responseSkipped(count);
    if (!stream.draft.isGrpc) return;
    if (!stream.messages.skip(count)) stream.draft.markIncomplete('bytes-not-seen');
    stream.draft.messages = stream.messages.count;
  }

  #takeFrame(direction: Direction, frame: FrameHead, payload: Uint8Array | undefined): void {
    const { type } = frame;
    if (type === frameTypes.headers || type === frameTypes.continuation) {
      this.#takeHeaders(direction, frame, payload);
    } else if (type === frameTypes.reset) this.#takeReset(direction, frame.streamId, payload);
    else if (payload === undefined) return;
    else if (direction === 'send') {
      if (type === frameTypes.goAway) this.#takeGoAway(payload);
    } else if (type === frameTypes.windowUpdate) this.#openWindow(frame.streamId, payload);
    else if (type === frameTypes.settings) this.#takeSettings(payload);
  }

  #openWindow(streamId: number, payload: Uint8Array): void {
    if (payload.length !== 4) return;
    const bytes = Buffer.from(payload).readUInt32BE() % 0x80_00_00_00;
    this.#windows.opened(streamId, bytes, this.#operation.timeNs);
  }

  #takeSettings(payload: Uint8Array): void {
    const view = Buffer.from(payload);
    for (let at = 0; at + 6 <= view.length; at += 6) {
      if (view.readUInt16BE(at) !== settingInitialWindow) continue;
      this.#windows.setInitial(view.readUInt32BE(at + 2), this.#operation.timeNs);
    }
  }

  #takeHeaders(direction: Direction, frame: FrameHead, payload: Uint8Array | undefined): void {
    const side = direction === 'receive' ? this.#receiving : this.#sending;
    if (frame.type === frameTypes.headers) {
      side.block = { frame, pieces: [], isWhole: true };
    }
    const { block } = side;
    if (block === undefined) return;
    if (payload === undefined) block.isWhole = false;
    else block.pieces.push(frame.type === frameTypes.headers ? blockOf(frame, payload) : payload);
    if ((frame.flags & frameFlags.endHeaders) === 0) return;
    side.block = undefined;
    const whole = Buffer.concat(block.pieces);
    const fields = block.isWhole ? side.headers.decode(whole) : undefined;
    if (fields === undefined) side.headers.forget();
    const { streamId } = block.frame;
    if (direction === 'receive') this.#beginRequest(streamId, fields, whole.length);
    else this.#beginAnswer(streamId, fields, whole.length);
    if ((block.frame.flags & frameFlags.endStream) !== 0) this.#endStream(direction, streamId);
  }

  #beginRequest(streamId: number, fields: readonly HeaderField[] | undefined, bytes: number): void {
    const known = this.#streams.get(streamId);
    if (known !== undefined) {
      known.draft.requestBytes(bytes);
      return;
    }
    const { place, bounds } = this.#context;
    this.#makeRoom(bounds.requestsPerConnectionMax);
    const draft = new RequestDraft({ place, bounds, protocol: 'h2', streamId });
    draft.begin(this.#operation);
    draft.setRequest(
      valueOf(fields, ':method') ?? '',
      valueOf(fields, ':path') ?? '',
      valueOf(fields, 'traceparent'),
    );
    draft.requestBytes(frameHeadBytes + bytes);
    draft.isGrpc = (valueOf(fields, 'content-type') ?? '').startsWith('application/grpc');
    if (valueOf(fields, ':method') === undefined || valueOf(fields, ':path') === undefined) {
      draft.markIncomplete(this.#isMidway ? 'attached-midway' : 'framing-lost');
    }
    this.#streams.set(streamId, { draft, messages: new GrpcMessageCounter(), hasAnswer: false });
    this.#windows.open(streamId);
  }

  #makeRoom(streamsMax: number): void {
    if (this.#streams.size < streamsMax) return;
    const oldest = this.#streams.keys().next();
    if (oldest.done === true) return;
    this.#streams.get(oldest.value)?.draft.markIncomplete('requests-beyond-bound');
    this.#finish(oldest.value, 'lost');
  }

  #beginAnswer(streamId: number, fields: readonly HeaderField[] | undefined, bytes: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const { draft } = stream;
    draft.responseBytes(bytes);
    const status = Number(valueOf(fields, ':status') ?? Number.NaN);
    if (status >= 100 && status < 200) return;
    if (!stream.hasAnswer) this.#takeAnswerHead(stream, status, fields);
    if (draft.isGrpc) draft.messages ??= 0;
    const grpcStatus = valueOf(fields, 'grpc-status');
    if (grpcStatus !== undefined && /^\d{1,3}$/.test(grpcStatus))
      draft.grpcStatus = Number(grpcStatus);
  }

  #takeAnswerHead(
    stream: Stream,
    status: number,
    fields: readonly HeaderField[] | undefined,
  ): void {
    const { draft } = stream;
    stream.hasAnswer = true;
    const type = valueOf(fields, 'content-type') ?? '';
    const encoding = valueOf(fields, 'content-encoding') ?? '';
    if (type.startsWith('application/grpc')) draft.isGrpc = true;
    if (Number.isNaN(status)) {
      draft.markIncomplete(this.#isMidway ? 'attached-midway' : 'framing-lost');
    } else draft.setResponse(status, { type, encoding }, this.#operation);
  }

  #endStream(direction: Direction, streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (direction === 'receive') {
      stream.draft.endRequest(this.#operation);
      return;
    }
    const { draft } = stream;
    draft.endResponse();
    if (draft.isGrpc && draft.status !== undefined)
      draft.grpcStatus ??= grpcStatusOfHttp(draft.status);
    this.#finish(streamId, 'answered');
  }

  #takeReset(direction: Direction, streamId: number, payload: Uint8Array | undefined): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const code = payload?.length === 4 ? Buffer.from(payload).readUInt32BE() : undefined;
    stream.draft.resetCode = code;
    if (direction === 'receive') {
      stream.draft.peerHadGone(this.#arrivalNs());
      if (stream.draft.isGrpc) stream.draft.grpcStatus ??= 1;
      this.#finish(streamId, 'peer-cancelled');
      return;
    }
    if (stream.draft.isGrpc && code !== undefined)
      stream.draft.grpcStatus ??= grpcStatusOfReset(code);
    this.#finish(streamId, 'server-reset');
  }

  /** When the frame that is read had arrived: the moment is that of what waited first, so it is this frame's if none came before. */
  #arrivalNs(): number {
    const { beginNs, timeNs } = this.#operation;
    return this.#framesOfReceive === 1 && beginNs > 0 ? beginNs : timeNs;
  }

  /** Streams above the last one named were not taken up (RFC 9113, 6.8). */
  #takeGoAway(payload: Uint8Array): void {
    if (payload.length < 8) return;
    const view = Buffer.from(payload);
    const lastStreamId = view.readUInt32BE() % 0x80_00_00_00;
    const code = view.readUInt32BE(4);
    for (const [streamId, { draft }] of [...this.#streams]) {
      if (streamId <= lastStreamId) continue;
      draft.resetCode = code;
      if (draft.isGrpc)
        draft.grpcStatus ??= code === noError ? grpcStatusOfGoAway : grpcStatusOfReset(code);
      this.#finish(streamId, 'server-closed');
    }
  }

  #finish(streamId: number, ending: RequestEnding): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    this.#touched.add(stream.draft);
    this.#streams.delete(streamId);
    stream.draft.flowStalls = this.#windows.close(streamId, stream.draft.startNs);
    this.#finished.push({ draft: stream.draft, ending });
  }
}

function feed(parser: FrameParser, { head, skipped, tail, middle }: OperationBytes): void {
  parser.beginOperation(head);
  parser.feed(head);
  let at = head.length;
  for (const piece of middle) {
    if (piece.at > at) parser.skip(piece.at - at);
    parser.feed(piece.bytes);
    at = piece.at + piece.bytes.length;
  }
  const left = head.length + skipped - at;
  if (left > 0) parser.skip(left);
  parser.feed(tail);
}

function valueOf(fields: readonly HeaderField[] | undefined, name: string): string | undefined {
  return fields?.find((field) => field.name === name)?.value;
}

/** The block of a HEADERS frame, padding and priority taken off. */
function blockOf(frame: FrameHead, payload: Uint8Array): Uint8Array {
  const isPadded = (frame.flags & frameFlags.padded) !== 0;
  const padding = isPadded ? (payload[0] ?? 0) : 0;
  const from = (isPadded ? 1 : 0) + ((frame.flags & frameFlags.priority) === 0 ? 0 : 5);
  return payload.subarray(from, Math.max(from, payload.length - padding));
}
