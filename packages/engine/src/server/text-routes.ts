import {
  apiError,
  detokenizeResponse,
  draining,
  type EmbeddingRequest,
  embeddingResponse,
  parseDetokenizeRequest,
  parseEmbeddingRequest,
  parseTokenizeRequest,
  RefusedError,
  type TokenizeRequest,
  tokenizeResponse,
} from '@millrace/openai';
import { EngineError } from '../errors.ts';
import { prepareTools } from '../tools/prepare-tools.ts';
import { renderChat } from './chat-prompt.ts';
import type { Exchange } from './exchange.ts';
import { checkTokens, tokensOf, tokensOfPrompt } from './prompt-tokens.ts';
import { valueOf } from './refusals.ts';
import type { RouteContext } from './route-context.ts';

/** `POST /v1/embeddings`. */
export async function answerEmbeddings(
  exchange: Exchange,
  context: RouteContext,
  body: unknown,
): Promise<void> {
  const request = valueOf(parseEmbeddingRequest(body));
  context.checkModel(request.model);
  const { model } = context.engine;
  checkDimensions(request, model.embeddingSize);
  const inputs = request.inputs.map((input, index) => {
    const path = request.inputs.length === 1 ? 'input' : `input[${index}]`;
    return tokensOf(input, model, { path, addSpecial: true });
  });
  const vectors = await embed(context, inputs, exchange.signal);
  if (vectors === undefined) return;
  const promptTokens = inputs.reduce((sum, input) => sum + input.length, 0);
  const { encoding } = request;
  exchange.sendJson(
    embeddingResponse(vectors, { model: model.id, encoding, usage: { promptTokens } }),
  );
}

/** `POST /tokenize`. */
export async function answerTokenize(
  exchange: Exchange,
  context: RouteContext,
  body: unknown,
): Promise<void> {
  const request = valueOf(parseTokenizeRequest(body));
  context.checkModel(request.model);
  const { model } = context.engine;
  const tokens = tokensOfRequest(request, context);
  const pieces = request.includesPieces
    ? Array.from(tokens, (token) => model.vocabulary.detokenize([token], { special: true }))
    : undefined;
  const { contextTokensMax } = model;
  exchange.sendJson(
    tokenizeResponse(tokens, { contextTokensMax, ...(pieces !== undefined && { pieces }) }),
  );
}

/** `POST /detokenize`. */
export async function answerDetokenize(
  exchange: Exchange,
  context: RouteContext,
  body: unknown,
): Promise<void> {
  const request = valueOf(parseDetokenizeRequest(body));
  context.checkModel(request.model);
  const { model } = context.engine;
  checkTokens(request.tokens, model, 'tokens');
  exchange.sendJson(
    detokenizeResponse(model.vocabulary.detokenize(request.tokens, { special: true })),
  );
}

function tokensOfRequest(request: TokenizeRequest, context: RouteContext): Int32Array {
  const { input } = request;
  const { model } = context.engine;
  if (input.kind === 'text') {
    const options = { addSpecial: request.addsSpecialTokens, parseSpecial: true };
    return model.vocabulary.tokenize(input.text, options);
  }
  const { chat } = context;
  const plan = prepareTools({
    tools: input.tools,
    toolChoice: { kind: input.tools.length === 0 ? 'none' : 'auto' },
    parallel: true,
    template: chat.template?.text,
  });
  const conversation = {
    messages: input.messages,
    addsGenerationPrompt: input.addsGenerationPrompt,
    continuesFinalMessage: input.continuesFinalMessage,
    templateVariables: input.templateVariables,
  };
  return tokensOfPrompt(renderChat(conversation, plan, chat), model, 'messages');
}

function checkDimensions({ dimensions }: EmbeddingRequest, embeddingSize: number): void {
  if (dimensions === undefined || dimensions === embeddingSize) return;
  const message = `'dimensions' is ${dimensions}; allowed is ${embeddingSize}, the model's own.`;
  throw new RefusedError(apiError('unsupported_value', message, { param: 'dimensions' }));
}

/** Nothing when the client is gone. */
async function embed(
  { engine }: RouteContext,
  inputs: readonly Int32Array[],
  signal: AbortSignal,
): Promise<readonly Float32Array[] | undefined> {
  try {
    return await engine.embed(inputs, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof EngineError)) throw error;
    if (error.code === 'ENGINE_INPUT_TOO_LONG') {
      const refusal = apiError('context_length_exceeded', error.message, { param: 'input' });
      throw new RefusedError(refusal, { cause: error });
    }
    if (!engine.isReady) throw new RefusedError(draining(), { cause: error });
    throw error;
  }
}
