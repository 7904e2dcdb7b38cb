import type { ToolCallDelta } from '../answers/chat-chunk.ts';
import { AnswerUnreadableError } from '../errors.ts';
import type { ItemStatus, MessagePart, OutputItem } from './response-body.ts';
import { itemId } from './response-of-chat.ts';

/** Writes one event. */
export type WriteEvent = (type: string, fields: object) => string;

/** The item that is being written; the others are whole. */
type OpenItem =
  | { readonly kind: 'reasoning'; readonly id: string; text: string }
  | { readonly kind: 'message'; readonly id: string; readonly parts: OpenPart[] }
  | {
      readonly kind: 'call';
      readonly id: string;
      readonly callIndex: number;
      readonly callId: string;
      readonly name: string;
      written: string;
    };

interface OpenPart {
  readonly kind: 'text' | 'refusal';
  text: string;
  readonly logprobs: unknown[];
}

/** The items of a streamed response, and the events that tell how they grow. */
export class ResponseOutput {
  readonly #write: WriteEvent;
  readonly #items: OutputItem[] = [];
  #open: OpenItem | undefined;
  #lastCallIndex = -1;

  constructor(write: WriteEvent) {
    this.#write = write;
  }

  /** Items that are whole. */
  get items(): readonly OutputItem[] {
    return this.#items;
  }

  addReasoning(chatId: string, text: string): string {
    let events = '';
    let open = this.#open;
    if (open?.kind !== 'reasoning') {
      events = this.close('completed');
      open = { kind: 'reasoning', id: this.#nextId('rs', chatId), text: '' };
      events +=
        this.#begin(open) + this.#beginPart(open.id, 0, { type: 'reasoning_text', text: '' });
    }
    open.text += text;
    const place = { item_id: open.id, ...this.#place(0) };
    return events + this.#write('response.reasoning_text.delta', { ...place, delta: text });
  }

  addText(chatId: string, text: string, logprobs: readonly unknown[]): string {
    const entered = this.#enterPart(chatId, 'text');
    entered.part.text += text;
    entered.part.logprobs.push(...logprobs);
    return (
      entered.events +
      this.#write('response.output_text.delta', { ...entered.place, delta: text, logprobs })
    );
  }

  addRefusal(chatId: string, refusal: string): string {
    const entered = this.#enterPart(chatId, 'refusal');
    entered.part.text += refusal;
    return (
      entered.events + this.#write('response.refusal.delta', { ...entered.place, delta: refusal })
    );
  }

  addCall(chatId: string, call: ToolCallDelta): string {
    let events = '';
    let open = this.#open;
    if (call.index > this.#lastCallIndex) {
      if (call.name === '') throw unordered(call, 'begins without a name');
      this.#lastCallIndex = call.index;
      events = this.close('completed');
      const id = this.#nextId('fc', chatId);
      const callId = call.id === '' ? `call_${chatId}_${call.index}` : call.id;
      open = { kind: 'call', id, callIndex: call.index, callId, name: call.name, written: '' };
      events += this.#begin(open);
    }
    if (open?.kind !== 'call' || open.callIndex !== call.index)
      throw unordered(call, 'goes on after another began');
    if (call.fragment === '') return events;
    open.written += call.fragment;
    const place = { item_id: open.id, output_index: this.#items.length };
    const delta = { ...place, delta: call.fragment };
    return events + this.#write('response.function_call_arguments.delta', delta);
  }

  /** Ends the item that is being written, if one is. */
  close(status: ItemStatus): string {
    const open = this.#open;
    if (open === undefined) return '';
    const events = this.#endParts(open);
    const item = itemOf(open, status);
    const done = this.#write('response.output_item.done', {
      output_index: this.#items.length,
      item,
    });
    this.#items.push(item);
    this.#open = undefined;
    return events + done;
  }

  #nextId(prefix: string, chatId: string): string {
    // What is open is closed before the next begins.
    return itemId(prefix, chatId, this.#items.length);
  }

  #begin(open: OpenItem): string {
    this.#open = open;
    const item = itemOf(open, 'in_progress');
    return this.#write('response.output_item.added', {
      output_index: this.#items.length,
      // Parts are told by events of their own.
      item: item.type === 'function_call' ? item : { ...item, content: [] },
    });
  }

  #enterPart(
    chatId: string,
    kind: OpenPart['kind'],
  ): { readonly events: string; readonly part: OpenPart; readonly place: object } {
    let events = '';
    let open = this.#open;
    if (open?.kind !== 'message') {
      events = this.close('completed');
      open = { kind: 'message', id: this.#nextId('msg', chatId), parts: [] };
      events += this.#begin(open);
    }
    let part = open.parts.at(-1);
    if (part?.kind !== kind) {
      if (part !== undefined) events += this.#endPart(open.id, open.parts.length - 1, part);
      part = { kind, text: '', logprobs: [] };
      open.parts.push(part);
      events += this.#beginPart(open.id, open.parts.length - 1, partOf(part));
    }
    return { events, part, place: { item_id: open.id, ...this.#place(open.parts.length - 1) } };
  }

  #beginPart(itemIdOfPart: string, index: number, part: object): string {
    const place = { item_id: itemIdOfPart, ...this.#place(index) };
    return this.#write('response.content_part.added', { ...place, part });
  }

  #endParts(open: OpenItem): string {
    if (open.kind === 'message') {
      const part = open.parts.at(-1);
      return part === undefined ? '' : this.#endPart(open.id, open.parts.length - 1, part);
    }
    if (open.kind === 'reasoning') {
      const place = { item_id: open.id, ...this.#place(0) };
      const part = { type: 'reasoning_text', text: open.text };
      return (
        this.#write('response.reasoning_text.done', { ...place, text: open.text }) +
        this.#write('response.content_part.done', { ...place, part })
      );
    }
    return this.#write('response.function_call_arguments.done', {
      item_id: open.id,
      output_index: this.#items.length,
      name: open.name,
      arguments: open.written,
    });
  }

  #endPart(itemIdOfPart: string, index: number, part: OpenPart): string {
    const place = { item_id: itemIdOfPart, ...this.#place(index) };
    const done =
      part.kind === 'text'
        ? this.#write('response.output_text.done', {
            ...place,
            text: part.text,
            logprobs: part.logprobs,
          })
        : this.#write('response.refusal.done', { ...place, refusal: part.text });
    return done + this.#write('response.content_part.done', { ...place, part: partOf(part) });
  }

  #place(contentIndex: number): object {
    return { output_index: this.#items.length, content_index: contentIndex };
  }
}

function itemOf(open: OpenItem, status: ItemStatus): OutputItem {
  const { id } = open;
  switch (open.kind) {
    case 'reasoning': {
      const content = [{ type: 'reasoning_text', text: open.text } as const];
      return { type: 'reasoning', id, summary: [], content, status };
    }
    case 'message':
      return { type: 'message', id, role: 'assistant', content: open.parts.map(partOf), status };
    case 'call': {
      const { callId, name, written } = open;
      return { type: 'function_call', id, call_id: callId, name, arguments: written, status };
    }
  }
}

function partOf({ kind, text, logprobs }: OpenPart): MessagePart {
  if (kind === 'refusal') return { type: 'refusal', refusal: text };
  return { type: 'output_text', text, annotations: [], logprobs: [...logprobs] };
}

function unordered(call: ToolCallDelta, what: string): AnswerUnreadableError {
  return new AnswerUnreadableError(
    `read a chat completion: the call of a tool with index ${call.index} ${what}`,
  );
}
