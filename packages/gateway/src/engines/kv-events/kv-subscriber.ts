import { type Clock, messageOf, type Timer } from '@millrace/stdx';
import { EventSequence, type NumberedPayload, type SequenceStep } from './event-sequence.ts';
import { decodeKvEvents, type KvEvent } from './kv-event-batch.ts';
import { type ZmtpAddress, ZmtpConnection } from './zmtp-connection.ts';

/** What following an engine's KV events needs, and whom it tells. */
export interface KvSubscriberOptions {
  readonly events: ZmtpAddress;
  /** Where messages that were missed can be asked for again. */
  readonly replay: ZmtpAddress | undefined;
  readonly topic: string;
  readonly clock: Clock;
  readonly onEvents: (events: readonly KvEvent[]) => void;
  /** Nothing that was known of the cache holds any more. */
  readonly onForget: (reason: string) => void;
  /** The connection came or went, or an event could not be read. */
  readonly onNews: (news: string) => void;
  readonly reconnectMsMin?: number;
  readonly reconnectMsMax?: number;
}

/** Numbers for metrics. */
export interface KvSubscriberCounts {
  readonly isConnected: boolean;
  readonly messages: number;
  readonly gaps: number;
  readonly invalid: number;
}

const bounds = { messageBytesMax: 64 * 2 ** 20, framesMax: 8 };
const handshakeMsMax = 5_000;
const replayMsMax = 10_000;
/** Messages that an answer to a replay may have; vLLM keeps 10,000 by default. */
const replayedMax = 200_000;

/** Follows the KV events of one engine (vLLM's ZMQ publisher and its like), whatever comes in between. */
export class KvSubscriber implements Disposable {
  readonly #options: Required<KvSubscriberOptions>;
  #sequence: EventSequence;
  #connection: ZmtpConnection | undefined;
  #replay: ZmtpConnection | undefined;
  #replayTimer: Timer | undefined;
  #timer: Timer | undefined;
  #failuresInARow = 0;
  #isConnected = false;
  #isOver = false;
  #messages = 0;
  #invalid = 0;

  constructor(options: KvSubscriberOptions) {
    this.#options = { reconnectMsMin: 250, reconnectMsMax: 3_000, ...options };
    this.#sequence = new EventSequence(options.replay !== undefined);
    this.#connect();
  }

  get counts(): KvSubscriberCounts {
    const gaps = this.#sequence.gaps;
    return {
      isConnected: this.#isConnected,
      messages: this.#messages,
      gaps,
      invalid: this.#invalid,
    };
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#replayTimer?.cancel();
    this.#connection?.[Symbol.dispose]();
    this.#replay?.[Symbol.dispose]();
  }

  #connect(): void {
    const { events, topic, clock, onNews } = this.#options;
    this.#connection = new ZmtpConnection({
      address: events,
      socketType: 'SUB',
      clock,
      bounds,
      handshakeMsMax,
      onReady: () => {
        this.#isConnected = true;
        this.#failuresInARow = 0;
        // The form of a subscription in version 3.0: a message that begins with 1.
        this.#connection?.send([Buffer.concat([Buffer.from([1]), Buffer.from(topic)])]);
        onNews('its KV events are followed');
      },
      onMessage: (frames) => this.#take(frames),
      onEnd: (reason) => this.#reconnect(reason),
    });
  }

  #reconnect(reason: string): void {
    if (this.#isOver) return;
    const { clock, reconnectMsMin, reconnectMsMax, onForget, onNews } = this.#options;
    if (this.#isConnected || this.#failuresInARow === 0)
      onNews(`its KV events cannot be followed: ${reason}`);
    // Without replay what happens in between is lost for good; with it the next message shows a gap.
    if (this.#isConnected && this.#options.replay === undefined) {
      onForget('the connection for KV events was lost');
      this.#sequence = new EventSequence(false);
    }
    this.#isConnected = false;
    const pauseMs = Math.min(reconnectMsMax, reconnectMsMin * 2 ** this.#failuresInARow++);
    this.#timer = clock.after(pauseMs, () => this.#connect());
  }

  #take(frames: readonly Buffer[]): void {
    const message = numbered(frames);
    if (message === undefined) return this.#noteInvalid(`it has ${frames.length} frames`);
    this.#messages++;
    this.#follow(this.#sequence.take(message));
  }

  #follow(step: SequenceStep): void {
    if (step.kind === 'pass') return;
    if (step.kind === 'replay') return this.#askAgain(step.from);
    if (step.kind === 'forget') this.#options.onForget('KV events were missed');
    for (const payload of step.payloads) this.#apply(payload);
  }

  #apply(payload: Buffer): void {
    try {
      this.#options.onEvents(decodeKvEvents(payload).events);
    } catch (error) {
      // What it would have said is not known: the cache may hold something else than what we think.
      this.#noteInvalid(messageOf(error));
      this.#options.onForget('a KV event could not be read');
    }
  }

  #noteInvalid(why: string): void {
    if (this.#invalid++ === 0) this.#options.onNews(`a KV event cannot be read: ${why}`);
  }

  /** Asks for all messages from a number on. Whatever comes of it, the sequence goes on. */
  #askAgain(from: number): void {
    const { replay, clock } = this.#options;
    if (replay === undefined) return;
    const found: NumberedPayload[] = [];
    let isOver = false;
    const end = (): void => {
      if (isOver || this.#isOver) return;
      isOver = true;
      this.#replayTimer?.cancel();
      this.#replay?.[Symbol.dispose]();
      this.#replay = undefined;
      this.#follow(this.#sequence.replayed(found));
    };
    this.#replayTimer = clock.after(replayMsMax, end);
    this.#replay = new ZmtpConnection({
      address: replay,
      socketType: 'DEALER',
      clock,
      bounds,
      handshakeMsMax,
      onReady: () => this.#replay?.send([Buffer.alloc(0), sequenceBytes(from)]),
      onMessage: (frames) => {
        const message = numbered(frames);
        const isEnd = message === undefined || message.payload.length === 0;
        if (!isEnd) found.push(message);
        if (isEnd || found.length >= replayedMax) end();
      },
      onEnd: end,
    });
  }
}

/** The last two frames: a number of 8 bytes and a payload; a topic, or an empty frame, stands before them. */
function numbered(frames: readonly Buffer[]): NumberedPayload | undefined {
  const [sequence, payload] = frames.slice(-2);
  if (sequence === undefined || payload === undefined || sequence.length !== 8) return undefined;
  return { sequence: Number(sequence.readBigInt64BE()), payload };
}

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(sequence));
  return bytes;
}
