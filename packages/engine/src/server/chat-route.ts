import {
  type ChatRequest,
  chatResponse,
  ChatStreamFormat,
  parseChatRequest,
  type ResponseHead,
} from '@millrace/openai';
import { assertDefined } from '@millrace/stdx';
import type { ToolEvent } from '../tools/tool-call-parser.ts';
import { AnswerReader, WholeAnswer } from './answer-text.ts';
import { chatPrompt } from './chat-prompt.ts';
import type { Exchange } from './exchange.ts';
import { type AnswerEvent, generationRequest, GenerationSet } from './generation-set.ts';
import { checkBiases } from './prompt-tokens.ts';
import type { RouteContext } from './route-context.ts';
import { EventStream } from './event-stream.ts';
import { valueOf } from './refusals.ts';

/** `POST /v1/chat/completions`. */
export async function answerChat(
  exchange: Exchange,
  context: RouteContext,
  body: unknown,
): Promise<void> {
  const request = valueOf(parseChatRequest(body));
  context.checkModel(request.model);
  const { model } = context.engine;
  checkBiases(request.sampling, model);
  const { tokens, plan, grammar } = chatPrompt(request, context.chat);
  const head = context.responseHead('chatcmpl-');
  const generation = generationRequest(request, {
    id: head.id,
    prompt: tokens,
    tenant: context.tenantOf(exchange),
    maxTokens: request.maxTokens ?? Math.max(1, model.contextTokensMax - tokens.length),
    logprobs: request.logprobs,
    gbnf: grammar?.gbnf,
  });
  const submitted = GenerationSet.submit(context.engine, [generation], {
    signal: exchange.signal,
    fields: { prompt: 'messages', grammar: grammar?.path ?? 'grammar' },
  });
  if (!(submitted instanceof GenerationSet)) return exchange.sendError(submitted);
  using set = submitted;
  const readers = Array.from(
    { length: request.choiceCount },
    () => new AnswerReader(plan, context.options.prng),
  );
  const answer = { exchange, request, head, set, readers };
  await (request.isStreamed ? streamChat(answer) : sendChat(answer));
}

interface ChatAnswer {
  readonly exchange: Exchange;
  readonly request: ChatRequest;
  readonly head: ResponseHead;
  readonly set: GenerationSet;
  readonly readers: readonly AnswerReader[];
}

async function sendChat({ exchange, request, head, set, readers }: ChatAnswer): Promise<void> {
  const answers = readers.map(() => new WholeAnswer());
  const ending = await set.read((event, choiceIndex) => {
    const { answer, reader } = at(choiceIndex, { answers, readers });
    if (event.kind === 'text') {
      answer.take(reader.push(event.text));
      answer.tokens.push(...event.tokens);
    } else if (event.kind === 'choice-finished') {
      answer.take(reader.end());
      answer.finishReason = reader.finishReason(event.reason);
      answer.stopReason = event.stop;
    }
    return undefined;
  });
  if (ending.kind === 'failed') return exchange.sendError(ending.error);
  const choices = answers.map((answer) => ({
    text: answer.text,
    toolCalls: answer.toolCalls,
    finishReason: answer.finishReason,
    stopReason: answer.stopReason,
    ...(request.logprobs !== undefined && { tokens: answer.tokens }),
  }));
  exchange.sendJson(chatResponse(head, choices, ending.usage));
}

async function streamChat({ exchange, request, head, set, readers }: ChatAnswer): Promise<void> {
  const { choiceCount, includesUsage } = request;
  const format = new ChatStreamFormat(head, { choiceCount, includesUsage });
  const stream = new EventStream(exchange);
  const ending = await set.read((event, choiceIndex) => {
    if (event.kind === 'started') {
      return stream.write(readers.map((_, index) => format.role(index)).join(''));
    }
    const reader = assertDefined(readers[choiceIndex], 'every choice has a reader');
    return stream.write(chunksOf(event, { choiceIndex, reader, format }));
  });
  if (ending.kind === 'failed') return stream.fail(ending.error);
  await stream.write(format.usage(ending.usage));
  stream.finish();
}

function chunksOf(
  event: Exclude<AnswerEvent, { kind: 'started' }>,
  choice: {
    readonly choiceIndex: number;
    readonly reader: AnswerReader;
    readonly format: ChatStreamFormat;
  },
): string {
  const { choiceIndex, reader, format } = choice;
  if (event.kind === 'choice-finished') {
    const rest = chunksOfTools(reader.end(), choiceIndex, format);
    return rest + format.finish(choiceIndex, reader.finishReason(event.reason), event.stop);
  }
  const events = reader.push(event.text);
  if (event.tokens.length === 0) return chunksOfTools(events, choiceIndex, format);
  // Probabilities are of tokens, and go with the text as far as it is told: text that may become a call follows later.
  const text = events.map((one) => (one.kind === 'content' ? one.text : '')).join('');
  const calls = events.filter((one) => one.kind !== 'content');
  return (
    format.textWithLogprobs(choiceIndex, text, event.tokens) +
    chunksOfTools(calls, choiceIndex, format)
  );
}

function chunksOfTools(
  events: readonly ToolEvent[],
  choiceIndex: number,
  format: ChatStreamFormat,
): string {
  let chunks = '';
  for (const event of events) {
    if (event.kind === 'content') chunks += format.text(choiceIndex, event.text);
    else if (event.kind === 'call-start') chunks += format.toolCallStart(choiceIndex, event);
    else if (event.kind === 'call-arguments') {
      chunks += format.toolCallArguments(choiceIndex, event);
    }
  }
  return chunks;
}

function at(
  choiceIndex: number,
  lists: { readonly answers: readonly WholeAnswer[]; readonly readers: readonly AnswerReader[] },
): { readonly answer: WholeAnswer; readonly reader: AnswerReader } {
  return {
    answer: assertDefined(lists.answers[choiceIndex], 'every choice has an answer'),
    reader: assertDefined(lists.readers[choiceIndex], 'every choice has a reader'),
  };
}
