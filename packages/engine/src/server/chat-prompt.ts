import { type ChatTemplate, LlamaError } from '@millrace/llama';
import {
  apiError,
  type ChatRequest,
  RefusedError,
  type ResponseFormat,
  responseSchemaPath,
} from '@millrace/openai';
import { EngineError } from '../errors.ts';
import { grammarOfJsonObject, grammarOfJsonSchema } from '../grammar/json-schema-grammar.ts';
import { prepareTools, type ToolPlan } from '../tools/prepare-tools.ts';
import { renderableMessages } from '../tools/render-messages.ts';
import { upToOpenEnd, withOpenEnd } from './open-end.ts';
import { checkClientGrammar } from './client-grammar.ts';
import { tokensOfPrompt } from './prompt-tokens.ts';
import type { ServedModel } from './served-engine.ts';

/** A conversation made ready for the engine. */
export interface ChatPrompt {
  readonly tokens: Int32Array;
  readonly plan: ToolPlan;
  /** What binds the answer, and the field of the body that asked for it. */
  readonly grammar: { readonly gbnf: string; readonly path: string } | undefined;
}

/** What a conversation is rendered with. */
export interface ChatModel {
  readonly model: ServedModel;
  /** Missing when the model has none. */
  readonly template: ChatTemplate | undefined;
}

/** Renders a conversation and finds its grammar. Throws `RefusedError`. */
export function chatPrompt(request: ChatRequest, chat: ChatModel): ChatPrompt {
  const { responseFormat, grammar } = request;
  checkClientGrammar(grammar);
  const plan = planOf(request, chat);
  const text = renderChat(request, plan, chat);
  return {
    tokens: tokensOfPrompt(text, chat.model, 'messages'),
    plan,
    grammar: firstGrammar([
      { gbnf: plan.grammar, path: 'tools' },
      { gbnf: grammarOfFormat(responseFormat), path: responseSchemaPath },
      { gbnf: grammar, path: 'grammar' },
    ]),
  };
}

function planOf(request: ChatRequest, { template }: ChatModel): ToolPlan {
  return refusingSchemas('tools', () =>
    prepareTools({
      tools: request.tools,
      toolChoice: request.toolChoice,
      parallel: request.parallelToolCalls,
      template: template?.text,
    }),
  );
}

/** The text of a conversation, as the model's own template writes it. Throws `RefusedError`. */
export function renderChat(
  request: Pick<
    ChatRequest,
    'messages' | 'addsGenerationPrompt' | 'continuesFinalMessage' | 'templateVariables'
  >,
  plan: ToolPlan,
  chat: ChatModel,
): string {
  const { template, model } = chat;
  if (template === undefined) {
    const message = `The model "${model.id}" has no chat template; use /v1/completions.`;
    throw new RefusedError(apiError('unsupported_value', message, { param: 'model' }));
  }
  const { continuesFinalMessage } = request;
  const messages = renderableMessages(request.messages, plan);
  try {
    const text = template.render({
      messages: continuesFinalMessage ? withOpenEnd(messages) : messages,
      ...(plan.templateTools !== undefined && { tools: plan.templateTools }),
      addGenerationPrompt: request.addsGenerationPrompt,
      bosText: textOfToken(model, model.vocabulary.bosToken),
      eosText: textOfToken(model, model.vocabulary.eosToken),
      variables: request.templateVariables,
    });
    return continuesFinalMessage ? upToOpenEnd(text) : text;
  } catch (error) {
    if (!(error instanceof LlamaError) || error.code !== 'LLAMA_TEMPLATE_FAILED') throw error;
    const refusal = apiError('invalid_value', error.message, { param: 'messages' });
    throw new RefusedError(refusal, { cause: error });
  }
}

function grammarOfFormat(format: ResponseFormat): string | undefined {
  if (format.kind === 'text') return undefined;
  if (format.kind === 'json-object') return grammarOfJsonObject();
  return refusingSchemas(responseSchemaPath, () => grammarOfJsonSchema(format.schema));
}

function firstGrammar(
  grammars: readonly { readonly gbnf: string | undefined; readonly path: string }[],
): ChatPrompt['grammar'] {
  for (const { gbnf, path } of grammars) {
    if (gbnf !== undefined) return { gbnf, path };
  }
  return undefined;
}

/** A schema without a grammar is the client's to change. */
function refusingSchemas<Result>(path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'ENGINE_SCHEMA_UNSUPPORTED') throw error;
    const refusal = apiError('unsupported_value', error.message, { param: path });
    throw new RefusedError(refusal, { cause: error });
  }
}

function textOfToken(model: ServedModel, token: number | undefined): string {
  return token === undefined ? '' : model.vocabulary.detokenize([token], { special: true });
}
