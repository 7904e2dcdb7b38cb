import { SseReader } from '@millrace/openai';
import { messageOf } from '@millrace/stdx';
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';
import type { AnswerStream } from './translation.ts';

/** A stream of events on its way from one API into another; it flows as its source does. */
export class TranslatedBody implements BodySource {
  readonly byteLength: undefined = undefined;
  readonly #source: BodySource;
  readonly #stream: AnswerStream;
  readonly #reader = new SseReader();

  constructor(source: BodySource, stream: AnswerStream) {
    this.#source = source;
    this.#stream = stream;
  }

  pipeTo(sink: BodySink): void {
    let isFailed = false;
    const say = (events: () => string): void => {
      if (isFailed) return;
      let text: string;
      try {
        text = events();
      } catch (error) {
        // What the engine sends is no answer: the client is told, and the engine stopped.
        isFailed = true;
        text = this.#stream.fail({
          status: 502,
          message: `The engine failed: ${messageOf(error)}.`,
        });
      }
      if (text !== '') sink.write(Buffer.from(text));
    };
    this.#source.pipeTo({
      write: (piece) => say(() => this.#push(this.#reader.push(piece))),
      flush: () => {
        if (!isFailed) return sink.flush();
        sink.flush();
        this.#source.destroy();
        sink.end('died');
        return false;
      },
      end: (end) => {
        if (end === 'whole') say(() => this.#push(this.#reader.end()) + this.#stream.end());
        sink.flush();
        sink.end(isFailed ? 'died' : end);
      },
    });
  }

  resume(): void {
    this.#source.resume();
  }

  destroy(): void {
    this.#source.destroy();
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    this.#source.whenOver(listener);
  }

  #push(events: readonly string[]): string {
    let text = '';
    for (const data of events) text += this.#stream.push(data);
    return text;
  }
}
