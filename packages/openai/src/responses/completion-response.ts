// Hot path: `text` runs once an event. One JSON.stringify of the text, no object made.
import { completionLogprobs, type CompletionLogprobsBody, type TokenChoice } from './logprobs.ts';
import type { FinishReason, ResponseHead, StopReason } from './response-head.ts';
import { sseEvent } from './sse.ts';
import { type TokenUsage, usageBody } from './usage.ts';

/** One answer of a completion. */
export interface CompletionChoice {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** The stop string, or the number of the token, that ended it; absent where none did, or the usual end of text. */
  readonly stopReason?: StopReason | undefined;
  /** Present when logprobs were asked for. */
  readonly tokens?: readonly TokenChoice[];
}

/** The body of a whole completion. */
export function completionResponse(
  head: ResponseHead,
  choices: readonly CompletionChoice[],
  usage: TokenUsage,
): string {
  return JSON.stringify({
    id: head.id,
    object: 'text_completion',
    created: head.createdUnixS,
    model: head.model,
    choices: choices.map(({ text, finishReason, stopReason, tokens }, index) => ({
      index,
      text,
      logprobs: tokens === undefined ? null : completionLogprobs(tokens, 0),
      finish_reason: finishReason,
      stop_reason: stopReason ?? null,
    })),
    usage: usageBody(usage),
    system_fingerprint: null,
  });
}

/** Writes the events of one streamed completion; all that repeats is written once. */
export class CompletionStreamFormat {
  readonly #chunkStart: string;
  readonly #chunkEnd: string;
  readonly #textStarts: readonly string[];
  readonly #textEnd: string;
  readonly #offsets: number[];
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
      `{"id":${id},"object":"text_completion","created":${head.createdUnixS},` +
      `"model":${model},"system_fingerprint":null,"choices":[`;
    this.#chunkEnd = includesUsage ? '],"usage":null}' : ']}';
    this.#textStarts = Array.from(
      { length: choiceCount },
      (_, index) => `data: ${this.#chunkStart}{"index":${index},"text":`,
    );
    this.#textEnd = `,"logprobs":null,"finish_reason":null}${this.#chunkEnd}\n\n`;
    this.#offsets = Array.from({ length: choiceCount }, () => 0);
  }

  text(choiceIndex: number, text: string): string {
    return `${this.#textStarts[choiceIndex]}${JSON.stringify(text)}${this.#textEnd}`;
  }

  textWithLogprobs(choiceIndex: number, text: string, tokens: readonly TokenChoice[]): string {
    const logprobs = completionLogprobs(tokens, this.#offsets[choiceIndex] ?? 0);
    this.#offsets[choiceIndex] = endOf(logprobs, this.#offsets[choiceIndex] ?? 0);
    return this.#choice({ index: choiceIndex, text, logprobs, finish_reason: null });
  }

  finish(choiceIndex: number, finishReason: FinishReason, stopReason?: StopReason): string {
    return this.#choice({
      index: choiceIndex,
      text: '',
      logprobs: null,
      finish_reason: finishReason,
      stop_reason: stopReason ?? null,
    });
  }

  /** The last chunk, without choices; '' unless the client asked for usage. */
  usage(usage: TokenUsage): string {
    if (!this.#includesUsage) return '';
    return sseEvent(`${this.#chunkStart}],"usage":${JSON.stringify(usageBody(usage))}}`);
  }

  #choice(choice: object): string {
    return sseEvent(`${this.#chunkStart}${JSON.stringify(choice)}${this.#chunkEnd}`);
  }
}

function endOf(logprobs: CompletionLogprobsBody, offset: number): number {
  return (logprobs.text_offset.at(-1) ?? offset) + (logprobs.tokens.at(-1)?.length ?? 0);
}
