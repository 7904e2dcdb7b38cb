import { ChatTemplate } from '@millrace/llama';
import { modelNotFound, RefusedError, type ResponseHead } from '@millrace/openai';
import type { ChatModel } from './chat-prompt.ts';
import type { Exchange } from './exchange.ts';
import type { ResolvedServerOptions } from './server-options.ts';
import type { ServedEngine } from './served-engine.ts';

const idCharacters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const idLength = 24;
const tenantCharactersMax = 256;

/** What every route has at hand. */
export class RouteContext {
  readonly options: ResolvedServerOptions;
  readonly engine: ServedEngine;
  #template: { readonly value: ChatTemplate | undefined } | undefined;

  constructor(options: ResolvedServerOptions) {
    this.options = options;
    this.engine = options.engine;
  }

  /** The model with its chat template, compiled once. Throws `LLAMA_TEMPLATE_FAILED`. */
  get chat(): ChatModel {
    const { model } = this.engine;
    const text = model.chatTemplate;
    this.#template ??= { value: text === undefined ? undefined : new ChatTemplate(text) };
    return { model, template: this.#template.value };
  }

  createId(prefix: string): string {
    const { prng } = this.options;
    let id = prefix;
    for (let index = 0; index < idLength; index++)
      id += idCharacters[prng.below(idCharacters.length)];
    return id;
  }

  responseHead(prefix: string): ResponseHead {
    return {
      id: this.createId(prefix),
      createdUnixS: Math.floor(this.options.clock.unixMs() / 1000),
      model: this.engine.model.id,
    };
  }

  /** Throws `RefusedError` unless the model is the one that is served. */
  checkModel(model: string | undefined): void {
    const served = this.engine.model.id;
    if (model === undefined || model === served) return;
    throw new RefusedError(modelNotFound(model, [served]));
  }

  /** Whose caches a request may use. */
  tenantOf(exchange: Exchange): string {
    return (exchange.header('x-millrace-tenant') ?? '').slice(0, tenantCharactersMax);
  }
}
