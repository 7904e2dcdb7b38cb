import {
  type CompletionRequest,
  completionResponse,
  CompletionStreamFormat,
  type FinishReason,
  parseCompletionRequest,
  type ResponseHead,
  type StopReason,
  type TokenChoice,
} from '@millrace/openai';
import { assertDefined } from '@millrace/stdx';
import { checkClientGrammar } from './client-grammar.ts';
import { EventStream } from './event-stream.ts';
import type { Exchange } from './exchange.ts';
import { generationRequest, GenerationSet } from './generation-set.ts';
import { checkBiases, tokensOf } from './prompt-tokens.ts';
import { valueOf } from './refusals.ts';
import type { RouteContext } from './route-context.ts';

/** `POST /v1/completions`. */
export async function answerCompletion(
  exchange: Exchange,
  context: RouteContext,
  body: unknown,
): Promise<void> {
  const request = valueOf(parseCompletionRequest(body));
  context.checkModel(request.model);
  const { model } = context.engine;
  checkBiases(request.sampling, model);
  checkClientGrammar(request.grammar);
  const addSpecial = request.addsSpecialTokens;
  const prompts = request.prompts.map((prompt, index) => {
    const path = request.prompts.length === 1 ? 'prompt' : `prompt[${index}]`;
    return tokensOf(prompt, model, { path, addSpecial });
  });
  const head = context.responseHead('cmpl-');
  const generations = prompts.map((prompt, index) =>
    generationRequest(request, {
      id: `${head.id}-${index}`,
      prompt,
      tenant: context.tenantOf(exchange),
      maxTokens: request.maxTokens,
      logprobs: request.logprobs,
      gbnf: request.grammar,
    }),
  );
  const submitted = GenerationSet.submit(context.engine, generations, {
    signal: exchange.signal,
    fields: { prompt: 'prompt', grammar: 'grammar' },
  });
  if (!(submitted instanceof GenerationSet)) return exchange.sendError(submitted);
  using set = submitted;
  const echoes = echoesOf(request, context);
  const answer = { exchange, request, head, set, echoes };
  await (request.isStreamed ? streamCompletion(answer) : sendCompletion(answer));
}

interface CompletionAnswer {
  readonly exchange: Exchange;
  readonly request: CompletionRequest;
  readonly head: ResponseHead;
  readonly set: GenerationSet;
  /** What each choice begins with. */
  readonly echoes: readonly string[];
}

function echoesOf(request: CompletionRequest, { engine }: RouteContext): readonly string[] {
  const { vocabulary } = engine.model;
  return request.prompts.flatMap((prompt) => {
    const text = prompt.kind === 'text' ? prompt.text : vocabulary.detokenize(prompt.tokens);
    return Array.from({ length: request.choiceCount }, () => (request.echoes ? text : ''));
  });
}

async function sendCompletion(answer: CompletionAnswer): Promise<void> {
  const { exchange, request, head, set, echoes } = answer;
  const answers = echoes.map((text) => ({
    text,
    finishReason: 'stop' as FinishReason,
    stopReason: undefined as StopReason | undefined,
    tokens: [] as TokenChoice[],
  }));
  const ending = await set.read((event, choiceIndex) => {
    const choice = assertDefined(answers[choiceIndex], 'every choice has an answer');
    if (event.kind === 'text') {
      choice.text += event.text;
      choice.tokens.push(...event.tokens);
    } else if (event.kind === 'choice-finished') {
      choice.finishReason = event.reason;
      choice.stopReason = event.stop;
    }
    return undefined;
  });
  if (ending.kind === 'failed') return exchange.sendError(ending.error);
  const choices = answers.map(({ text, finishReason, stopReason, tokens }) => ({
    text,
    finishReason,
    stopReason,
    ...(request.logprobs !== undefined && { tokens }),
  }));
  exchange.sendJson(completionResponse(head, choices, ending.usage));
}

async function streamCompletion(answer: CompletionAnswer): Promise<void> {
  const { exchange, request, head, set, echoes } = answer;
  const { includesUsage, choiceCount } = request;
  const format = new CompletionStreamFormat(head, { choiceCount: echoes.length, includesUsage });
  const stream = new EventStream(exchange);
  const ending = await set.read((event, choiceIndex) => {
    switch (event.kind) {
      case 'started':
        return stream.write(echoChunks(echoes.slice(choiceIndex, choiceIndex + choiceCount)));
      case 'text':
        if (event.tokens.length === 0) return stream.write(format.text(choiceIndex, event.text));
        return stream.write(format.textWithLogprobs(choiceIndex, event.text, event.tokens));
      case 'choice-finished':
        return stream.write(format.finish(choiceIndex, event.reason, event.stop));
    }
    return undefined;

    function echoChunks(texts: readonly string[]): string {
      return texts
        .map((text, index) => (text === '' ? '' : format.text(choiceIndex + index, text)))
        .join('');
    }
  });
  if (ending.kind === 'failed') return stream.fail(ending.error);
  await stream.write(format.usage(ending.usage));
  stream.finish();
}
