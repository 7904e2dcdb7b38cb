import type { AnswerUsage } from '../answers/answer-usage.ts';
import type { AnswerFinish } from '../answers/chat-answer.ts';
import { type ChatDelta, readChatChunk } from '../answers/chat-chunk.ts';
import { apiError } from '../error-response.ts';
import { AnswerUnreadableError } from '../errors.ts';
import type { ResponseEcho } from './chat-of-response.ts';
import {
  itemStatusOf,
  type ResponseEnd,
  responseBody,
  type ResponseHead,
} from './response-body.ts';
import { ResponseOutput } from './response-output.ts';

/** Turns the events of a streamed chat completion into those of the Responses API. */
export class ResponseStream {
  readonly #echo: ResponseEcho;
  readonly #output: ResponseOutput;
  #head: ResponseHead | undefined;
  #isOver = false;
  #sequenceNumber = 0;
  #finish: AnswerFinish | undefined;
  #usage: AnswerUsage | undefined;

  constructor(echo: ResponseEcho) {
    this.#echo = echo;
    this.#output = new ResponseOutput((type, fields) => this.#event(type, fields));
  }

  /** True when nothing more is to be said: the response, or an error, was the end. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The events that the data of an engine's event becomes; throws `AnswerUnreadableError` for what is none. */
  push(data: string): string {
    if (this.#isOver) return '';
    const chunk = readChatChunk(data);
    switch (chunk.kind) {
      case 'done':
        return this.end();
      case 'error':
        return this.fail({ status: 500, message: chunk.message });
      case 'delta':
        return this.#start(chunk) + this.#continue(chunk);
    }
  }

  /** The events with which the response ends; throws `AnswerUnreadableError` when the engine did not say how it ended. */
  end(): string {
    if (this.#isOver) return '';
    const finish = this.#finish;
    const usage = this.#usage;
    if (finish === undefined)
      throw new AnswerUnreadableError('read a chat completion: it ended without a finish_reason');
    if (usage === undefined)
      throw new AnswerUnreadableError('read a chat completion: it ended without usage');
    const status = itemStatusOf(finish);
    const closing = this.#output.close(status);
    this.#isOver = true;
    return closing + this.#stateEvent(status, { kind: 'finished', finish, usage });
  }

  /** The event that tells of a failure; it is the last. */
  fail(error: { readonly status: number; readonly message: string }): string {
    if (this.#isOver) return '';
    const { message } = error;
    if (this.#head === undefined) {
      this.#isOver = true;
      const { code } = apiError('backend_failed', message);
      return this.#event('error', { code, message, param: null });
    }
    const closing = this.#output.close('incomplete');
    this.#isOver = true;
    return closing + this.#stateEvent('failed', { kind: 'failed', message });
  }

  #start(chunk: ChatDelta): string {
    this.#usage = chunk.usage ?? this.#usage;
    this.#finish = chunk.finish ?? this.#finish;
    if (this.#head !== undefined) return '';
    const { id: chatId, model, createdUnixS } = chunk;
    this.#head = { chatId, model, createdUnixS, echo: this.#echo };
    const begun: ResponseEnd = { kind: 'in_progress' };
    return this.#stateEvent('created', begun) + this.#stateEvent('in_progress', begun);
  }

  #continue(chunk: ChatDelta): string {
    const { id: chatId } = chunk;
    const output = this.#output;
    let events = '';
    if (chunk.reasoning !== '') events += output.addReasoning(chatId, chunk.reasoning);
    if (chunk.text !== '') events += output.addText(chatId, chunk.text, chunk.logprobs);
    if (chunk.refusal !== '') events += output.addRefusal(chatId, chunk.refusal);
    for (const call of chunk.toolCalls) events += output.addCall(chatId, call);
    return events;
  }

  #stateEvent(name: string, end: ResponseEnd): string {
    if (this.#head === undefined) return '';
    const response = responseBody(this.#head, this.#output.items, end);
    return this.#event(`response.${name}`, { response });
  }

  #event(type: string, fields: object): string {
    const body = { type, sequence_number: this.#sequenceNumber++, ...fields };
    return `event: ${type}\ndata: ${JSON.stringify(body)}\n\n`;
  }
}
