// Hot path: `text` runs once an event. One JSON.stringify of the text, no object made.
import { chatLogprobs, type TokenChoice } from './logprobs.ts';
import type { FinishReason, ResponseHead, StopReason } from './response-head.ts';
import { sseEvent } from './sse.ts';
import { type TokenUsage, usageBody } from './usage.ts';

/** Writes the events of one streamed chat completion; all that repeats is written once. */
export class ChatStreamFormat {
  readonly #chunkStart: string;
  readonly #chunkEnd: string;
  readonly #deltaStarts: readonly string[];
  readonly #deltaEnd: string;
  readonly #includesUsage: boolean;

  constructor(
    head: ResponseHead,
    options: { readonly choiceCount: number; readonly includesUsage: boolean },
  ) {
    const { choiceCount, includesUsage } = options;
    const id = JSON.stringify(head.id);
    const model = JSON.stringify(head.model);
    this.#includesUsage = includesUsage;
    this.#chunkStart =
      `{"id":${id},"object":"chat.completion.chunk","created":${head.createdUnixS},` +
      `"model":${model},"system_fingerprint":null,"choices":[`;
    this.#chunkEnd = includesUsage ? '],"usage":null}' : ']}';
    this.#deltaStarts = Array.from(
      { length: choiceCount },
      (_, index) => `data: ${this.#chunkStart}{"index":${index},"delta":{"content":`,
    );
    this.#deltaEnd = `},"logprobs":null,"finish_reason":null}${this.#chunkEnd}\n\n`;
  }

  /** The first event of a choice. */
  role(choiceIndex: number): string {
    return this.#choice(choiceIndex, { role: 'assistant', content: '', refusal: null });
  }

  text(choiceIndex: number, text: string): string {
    return `${this.#deltaStarts[choiceIndex]}${JSON.stringify(text)}${this.#deltaEnd}`;
  }

  textWithLogprobs(choiceIndex: number, text: string, tokens: readonly TokenChoice[]): string {
    return this.#choice(choiceIndex, { content: text }, { logprobs: chatLogprobs(tokens) });
  }

  /** Begins a call; its arguments follow in fragments. */
  toolCallStart(
    choiceIndex: number,
    call: { readonly index: number; readonly id: string; readonly name: string },
  ): string {
    const { index, id, name } = call;
    const start = { index, id, type: 'function', function: { name, arguments: '' } };
    return this.#choice(choiceIndex, { tool_calls: [start] });
  }

  toolCallArguments(
    choiceIndex: number,
    part: { readonly index: number; readonly fragment: string },
  ): string {
    const { index, fragment } = part;
    return this.#choice(choiceIndex, {
      tool_calls: [{ index, function: { arguments: fragment } }],
    });
  }

  finish(choiceIndex: number, finishReason: FinishReason, stopReason?: StopReason): string {
    return this.#choice(choiceIndex, {}, { finishReason, stopReason: stopReason ?? null });
  }

  /** The last chunk, without choices; '' unless the client asked for usage. */
  usage(usage: TokenUsage): string {
    if (!this.#includesUsage) return '';
    return sseEvent(`${this.#chunkStart}],"usage":${JSON.stringify(usageBody(usage))}}`);
  }

  #choice(
    choiceIndex: number,
    delta: object,
    rest: {
      readonly logprobs?: object;
      readonly finishReason?: FinishReason;
      readonly stopReason?: StopReason | null;
    } = {},
  ): string {
    const choice = {
      index: choiceIndex,
      delta,
      logprobs: rest.logprobs ?? null,
      finish_reason: rest.finishReason ?? null,
      ...(rest.stopReason !== undefined && { stop_reason: rest.stopReason }),
    };
    return sseEvent(`${this.#chunkStart}${JSON.stringify(choice)}${this.#chunkEnd}`);
  }
}
