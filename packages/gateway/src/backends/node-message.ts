import type { IncomingMessage } from 'node:http';
import { endToEnd } from '../http/headers.ts';
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import type { AnswerMessage } from './backend.ts';

/** An answer of Node's client as ours. */
export function messageOf(message: IncomingMessage): AnswerMessage {
  return {
    status: message.statusCode ?? 502,
    headers: HeaderBlock.of(endToEnd(message.headers)).without(['content-length']),
    body: new NodeBody(message),
  };
}

class NodeBody implements BodySource {
  readonly byteLength: number | undefined;
  readonly #message: IncomingMessage;
  readonly #listeners: ((end: BodyEnd) => void)[] = [];
  #sink: BodySink | undefined;
  #end: BodyEnd | undefined;

  constructor(message: IncomingMessage) {
    this.#message = message;
    const length = message.headers['content-length'];
    this.byteLength = length === undefined ? undefined : Number(length);
    message.once('end', () => this.#close(message.complete ? 'whole' : 'died'));
    message.once('error', () => this.#close('died'));
    message.once('close', () => this.#close('died'));
  }

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    if (this.#end !== undefined) return sink.end(this.#end);
    sink.flush();
    this.#message.on('data', (piece: Buffer) => {
      sink.write(piece);
      if (!sink.flush()) this.#message.pause();
    });
  }

  resume(): void {
    this.#message.resume();
  }

  destroy(): void {
    if (this.#end !== undefined) return;
    this.#sink = undefined;
    this.#close('destroyed');
    this.#message.destroy();
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end);
  }

  #close(end: BodyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#sink?.end(end);
    for (const listener of this.#listeners) listener(end);
  }
}
