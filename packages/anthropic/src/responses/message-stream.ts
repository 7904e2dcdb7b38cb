import {
  type AnswerFinish,
  type AnswerUsage,
  type ChatDelta,
  readChatChunk,
  type ToolCallDelta,
} from '@millrace/openai';
import { AnswerUnreadableError } from '../errors.ts';
import { messagesErrorBody } from './error-body.ts';
import { messageId, messagesUsage, stopReasonOf } from './message-of-chat.ts';

type BlockKind = 'thinking' | 'text' | 'tool_use';

interface OpenBlock {
  readonly kind: BlockKind;
  readonly index: number;
  /** The engine's number of the call that the block holds. */
  readonly callIndex?: number;
}

const noUsage: AnswerUsage = {
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
};

/**
 * Turns the events of a streamed chat completion into those of the Messages API. How the engine cut its text into
 * events is kept; what it says in one event becomes as many as it takes.
 */
export class MessageStream {
  #state: 'waiting' | 'begun' | 'over' = 'waiting';
  #id = '';
  #open: OpenBlock | undefined;
  #blockCount = 0;
  #lastCallIndex = -1;
  #finish: AnswerFinish | undefined;
  #stopString: string | undefined;
  #usage: AnswerUsage | undefined;

  /** True when nothing more is to be said: the message, or an error, was the end. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The events that the data of an engine's event becomes; throws `AnswerUnreadableError` for what is none. */
  push(data: string): string {
    if (this.isOver) return '';
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

  /** The events with which the message ends; throws `AnswerUnreadableError` when the engine did not say how it ended. */
  end(): string {
    if (this.isOver) return '';
    const finish = this.#finish;
    const usage = this.#usage;
    if (finish === undefined)
      throw new AnswerUnreadableError('read a chat completion: it ended without a finish_reason');
    if (usage === undefined)
      throw new AnswerUnreadableError('read a chat completion: it ended without usage');
    const callsTools = this.#lastCallIndex >= 0;
    const stopReason = stopReasonOf(finish, { callsTools, stopString: this.#stopString });
    const delta = {
      stop_reason: stopReason,
      stop_sequence: stopReason === 'stop_sequence' ? this.#stopString : null,
    };
    const closing = this.#close();
    this.#state = 'over';
    return (
      closing +
      event('message_delta', { delta, usage: messagesUsage(usage) }) +
      event('message_stop', {})
    );
  }

  /** The event that tells of a failure; it is the last. */
  fail(error: { readonly status: number; readonly message: string }): string {
    if (this.isOver) return '';
    this.#state = 'over';
    return `event: error\ndata: ${messagesErrorBody(error, null)}\n\n`;
  }

  #start(chunk: ChatDelta): string {
    this.#usage = chunk.usage ?? this.#usage;
    this.#finish = chunk.finish ?? this.#finish;
    this.#stopString = chunk.stopString ?? this.#stopString;
    if (this.#state !== 'waiting') return '';
    this.#state = 'begun';
    this.#id = chunk.id;
    const message = {
      id: messageId(chunk.id),
      type: 'message',
      role: 'assistant',
      model: chunk.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // Most engines tell the prompt's tokens only at the end, which message_delta repeats.
      usage: { ...messagesUsage(this.#usage ?? noUsage), output_tokens: 0 },
    };
    return event('message_start', { message }) + event('ping', {});
  }

  #continue(chunk: ChatDelta): string {
    const text = chunk.text + chunk.refusal;
    let events = '';
    if (chunk.reasoning !== '') {
      events += this.#enter('thinking', { type: 'thinking', thinking: '', signature: '' });
      events += this.#delta({ type: 'thinking_delta', thinking: chunk.reasoning });
    }
    if (text !== '') {
      events += this.#enter('text', { type: 'text', text: '' });
      events += this.#delta({ type: 'text_delta', text });
    }
    for (const call of chunk.toolCalls) events += this.#takeCall(call);
    return events;
  }

  #takeCall(call: ToolCallDelta): string {
    let events = '';
    if (call.index > this.#lastCallIndex) {
      if (call.name === '') throw unordered(call, 'begins without a name');
      this.#lastCallIndex = call.index;
      const id = call.id === '' ? `toolu_${this.#id}_${call.index}` : call.id;
      const block = { type: 'tool_use', id, name: call.name, input: {} };
      events = this.#close() + this.#begin('tool_use', block, call.index);
    } else if (this.#open?.callIndex !== call.index) {
      throw unordered(call, 'goes on after another began');
    }
    if (call.fragment === '') return events;
    return events + this.#delta({ type: 'input_json_delta', partial_json: call.fragment });
  }

  /** Begins a block unless one of its kind is open. */
  #enter(kind: 'thinking' | 'text', block: object): string {
    return this.#open?.kind === kind ? '' : this.#close() + this.#begin(kind, block);
  }

  #begin(kind: BlockKind, block: object, callIndex?: number): string {
    const index = this.#blockCount++;
    this.#open = { kind, index, ...(callIndex !== undefined && { callIndex }) };
    return event('content_block_start', { index, content_block: block });
  }

  #delta(delta: object): string {
    return event('content_block_delta', { index: this.#open?.index, delta });
  }

  #close(): string {
    const open = this.#open;
    this.#open = undefined;
    return open === undefined ? '' : event('content_block_stop', { index: open.index });
  }
}

function unordered(call: ToolCallDelta, what: string): AnswerUnreadableError {
  return new AnswerUnreadableError(
    `read a chat completion: the call of a tool with index ${call.index} ${what}`,
  );
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
