import { Template } from '@huggingface/jinja';
import { messageOf } from '@millrace/stdx';
import { LlamaError } from '../errors.ts';

/** A message as templates read it. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string | null;
  readonly [field: string]: unknown;
}

export interface ChatInput {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[];
  /** True: the text ends where the model's answer begins. */
  readonly addGenerationPrompt: boolean;
  readonly bosText: string;
  readonly eosText: string;
  /** Further variables that a template may read. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A chat template in Jinja, compiled. Templates that write the date read the machine's clock. */
export class ChatTemplate {
  readonly text: string;
  readonly #template: Template;

  /** Throws `LLAMA_TEMPLATE_FAILED` when the text is no template. */
  constructor(text: string) {
    this.text = text;
    try {
      this.#template = new Template(text);
    } catch (cause) {
      throw failed('compile', cause);
    }
  }

  /** The prompt for a conversation. Throws `LLAMA_TEMPLATE_FAILED` with the template's own words when it refuses. */
  render(input: ChatInput): string {
    try {
      return this.#template.render({
        ...input.variables,
        messages: input.messages,
        ...(input.tools === undefined ? {} : { tools: input.tools }),
        add_generation_prompt: input.addGenerationPrompt,
        bos_token: input.bosText,
        eos_token: input.eosText,
      });
    } catch (cause) {
      throw failed('render', cause);
    }
  }
}

function failed(what: string, cause: unknown): LlamaError {
  return new LlamaError(`${what} the chat template: ${messageOf(cause)}`, {
    code: 'LLAMA_TEMPLATE_FAILED',
    cause,
  });
}
