import type { ChatMessage as RenderedMessage } from '@millrace/llama';
import { apiError, RefusedError } from '@millrace/openai';

/** What no client writes, and no template alters: where the last message stops, whatever a template puts behind it. */
const mark = '\u{f0001}millrace goes on here\u{f0001}';

/** The messages with a mark behind the last. */
export function withOpenEnd(messages: readonly RenderedMessage[]): readonly RenderedMessage[] {
  const last = messages.at(-1);
  if (last === undefined) return messages;
  return [...messages.slice(0, -1), { ...last, content: `${last.content ?? ''}${mark}` }];
}

/** A rendered conversation up to the mark. Throws `RefusedError` where the template has not written it. */
export function upToOpenEnd(text: string): string {
  const at = text.lastIndexOf(mark);
  if (at !== -1) return text.slice(0, at);
  const message =
    "'continue_final_message' is not supported: the model's chat template does not write the last message as it is.";
  throw new RefusedError(
    apiError('unsupported_parameter', message, { param: 'continue_final_message' }),
  );
}
