import { boolean } from '../parameters/readers.ts';
import type { ParameterTable } from '../parameters/parameter-table.ts';
import type { ChatMessage } from './chat-message.ts';
import { contradiction } from './generation-options.ts';

/** How a rendered conversation ends: where an answer begins, or amid the last message. */
export interface PromptEnd {
  readonly addsGenerationPrompt: boolean;
  /** The answer goes on with the last message, which is the assistant's and has text. */
  readonly continuesFinalMessage: boolean;
}

interface PromptEndFields {
  readonly add_generation_prompt: boolean;
  readonly continue_final_message: boolean;
}

/** As vLLM takes them. */
export const promptEndParameters: ParameterTable<PromptEndFields>['honoured'] = {
  add_generation_prompt: {
    read: boolean,
    note: 'extension; default true, and false with continue_final_message',
  },
  continue_final_message: {
    read: boolean,
    note: "extension (vLLM); default false; the answer goes on with the last message, the assistant's",
  },
};

/** Reads how the prompt ends; throws `RefusedError` where that cannot be. */
export function promptEndOf(
  fields: Partial<PromptEndFields>,
  messages: readonly ChatMessage[],
): PromptEnd {
  const continues = fields.continue_final_message ?? false;
  const adds = fields.add_generation_prompt ?? !continues;
  if (!continues) return { addsGenerationPrompt: adds, continuesFinalMessage: false };
  const field = 'continue_final_message';
  if (adds) {
    const message = `'${field}' and 'add_generation_prompt' are both true; an answer goes on with a message or begins one.`;
    throw contradiction(field, message);
  }
  const last = messages.at(-1);
  const isText = last?.role === 'assistant' && last.toolCalls.length === 0;
  if (!isText || last.content === null || last.content === '') {
    const message = `'${field}' is true; allowed is that only when the last message is the assistant's, with text and without calls.`;
    throw contradiction(field, message);
  }
  return { addsGenerationPrompt: false, continuesFinalMessage: true };
}
