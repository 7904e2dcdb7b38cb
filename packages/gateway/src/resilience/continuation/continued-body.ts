import type { BodyEnd, BodySink, BodySource } from '../../messages/body.ts';
import type { ContinuationBounds } from '../resilience-policy.ts';
import { type AnswerSoFar, noAnswer, withEvent } from './answer-so-far.ts';
import { continuedEvent, lengthEvent } from './continued-event.ts';
import { dataOf, EventSplitter } from './event-splitter.ts';

/** The rest of an answer, from another engine. */
export interface ContinuedStream {
  readonly body: BodySource;
  /** The endpoint that it comes from. */
  readonly to: string;
}

/** What a stream that may go on elsewhere is made from. */
export interface ContinuedBodyParts {
  readonly source: BodySource;
  /** The endpoint that it comes from. */
  readonly from: string;
  readonly isChat: boolean;
  readonly bounds: ContinuationBounds;
  /** Asks another engine for the rest; `complete` where nothing is left to ask for, `undefined` where nobody can go on. */
  readonly goOn: (answer: AnswerSoFar) => Promise<ContinuedStream | 'complete' | undefined>;
}

/**
 * A stream of events whose engine may die in its midst: it then goes on, once, with what another engine says. Its reader
 * gets whole events only.
 */
export class ContinuedBody implements BodySource {
  readonly byteLength = undefined;
  readonly #parts: ContinuedBodyParts;
  readonly #splitter: EventSplitter;
  readonly #listeners: ((end: BodyEnd) => void)[] = [];
  #current: BodySource;
  #sink: BodySink | undefined;
  #answer: AnswerSoFar = noAnswer;
  /** Events have become too large to be kept apart: bytes are passed on as they are. */
  #isRaw = false;
  #end: BodyEnd | undefined;

  constructor(parts: ContinuedBodyParts) {
    this.#parts = parts;
    this.#current = parts.source;
    this.#splitter = new EventSplitter(parts.bounds.eventBytesMax);
  }

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    this.#parts.source.pipeTo({
      write: (piece) => this.#take(piece),
      flush: () => sink.flush(),
      end: (end) => this.#endFirst(end),
    });
  }

  resume(): void {
    this.#current.resume();
  }

  destroy(): void {
    if (this.#end !== undefined) return;
    this.#sink = undefined;
    this.#current.destroy();
    this.#close('destroyed');
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end);
  }

  #take(piece: Buffer): void {
    if (this.#isRaw) return this.#sink?.write(piece);
    const held = this.#splitter.rest;
    const events = this.#splitter.push(piece);
    if (events === undefined) {
      this.#isRaw = true;
      this.#sink?.write(Buffer.concat([held, piece]));
      return;
    }
    for (const event of events) {
      const text = dataOf(event);
      if (text !== undefined) this.#answer = withEvent(this.#answer, text, this.#parts.bounds);
      this.#sink?.write(event);
    }
  }

  #endFirst(end: BodyEnd): void {
    const isWhole = end === 'whole' || this.#answer.isDone;
    if (!isWhole && !this.#isRaw && this.#answer.obstacle === undefined)
      return void this.#goOn(end);
    if (!this.#isRaw && this.#splitter.rest.length > 0) this.#sink?.write(this.#splitter.rest);
    this.#finish(isWhole ? 'whole' : end);
  }

  async #goOn(died: BodyEnd): Promise<void> {
    const next = await this.#parts.goOn(this.#answer);
    if (this.#end !== undefined) {
      // The client has left while the other engine was asked.
      if (typeof next === 'object') next.body.destroy();
      return;
    }
    if (next === undefined) return this.#finish(died);
    if (next === 'complete') {
      if (!this.#answer.isFinished) this.#say(lengthEvent(this.#answer, this.#parts.isChat));
      this.#say('data: [DONE]\n\n');
      return this.#finish('whole');
    }
    this.#follow(next);
  }

  #follow({ body, to }: ContinuedStream): void {
    const splitter = new EventSplitter(this.#parts.bounds.eventBytesMax);
    const mark = { from: this.#parts.from, to, chunksBefore: this.#answer.chunks };
    let isMarked = false;
    let isDone = false;
    this.#current = body;
    body.pipeTo({
      write: (piece) => {
        const events = splitter.push(piece);
        if (events === undefined) return body.destroy();
        for (const text of events.map(dataOf)) {
          if (text === undefined) continue;
          isDone ||= text === '[DONE]';
          const shown = continuedEvent(text, this.#answer, isMarked ? undefined : mark);
          if (shown === undefined) continue;
          isMarked ||= shown.isMarked;
          this.#say(shown.text);
        }
      },
      flush: () => this.#sink?.flush() ?? false,
      // Only its last event says that an answer is whole; what ends without was no stream of answers.
      end: (end) => this.#finish(isDone ? 'whole' : end === 'whole' ? 'died' : end),
    });
    body.whenOver((end) => {
      if (end === 'destroyed') this.#finish('died');
    });
  }

  #say(text: string): void {
    this.#sink?.write(Buffer.from(text));
  }

  #finish(end: BodyEnd): void {
    if (this.#end !== undefined) return;
    const sink = this.#sink;
    sink?.flush();
    this.#close(end);
    sink?.end(end);
  }

  #close(end: BodyEnd): void {
    this.#end = end;
    for (const listener of this.#listeners) listener(end);
  }
}
