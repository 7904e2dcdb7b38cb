import type { ChatMessage as RenderedMessage } from '@millrace/llama';
import type { ChatMessage, ToolCall } from '@millrace/openai';
import { assert } from '@millrace/stdx';
import type { ToolPlan } from './prepare-tools.ts';
import { toolForms } from './tool-form.ts';

/**
 * A conversation as the plan's template can render it: tools described where the template does not, calls and results
 * in the template's own shape or, where it has none, as text in the form that calls are asked for.
 */
export function renderableMessages(
  messages: readonly ChatMessage[],
  plan: ToolPlan,
): readonly RenderedMessage[] {
  const known = messages.flatMap((message) =>
    plan.rendersCalls ? [nativeMessage(message, plan)] : textMessages(message, plan),
  );
  const told = withSystemText(plan.rendersCalls ? known : joinResponses(known), plan.systemText);
  return plan.takesSystem ? told : systemAsUser(told);
}

function nativeMessage(message: ChatMessage, plan: ToolPlan): RenderedMessage {
  switch (message.role) {
    case 'assistant':
      if (message.toolCalls.length === 0) return plainMessage(message);
      return {
        role: 'assistant',
        content: message.content ?? '',
        tool_calls: message.toolCalls.map((call) => ({
          id: templateId(call.id, plan),
          type: 'function',
          // Templates print arguments as JSON: a string of JSON would come out quoted twice.
          function: { name: call.name, arguments: argumentsOf(call) },
        })),
      };
    case 'tool':
      return {
        role: 'tool',
        content: message.content,
        tool_call_id: templateId(message.toolCallId, plan),
      };
    case 'system':
    case 'developer':
    case 'user':
      return plainMessage(message);
  }
}

function textMessages(message: ChatMessage, plan: ToolPlan): readonly RenderedMessage[] {
  if (message.role === 'tool') {
    return [{ role: 'user', content: `${responseOpener}\n${message.content}\n${responseCloser}` }];
  }
  if (message.role !== 'assistant' || message.toolCalls.length === 0)
    return [plainMessage(message)];
  const calls = message.toolCalls.map((call) => writtenCall(call, plan));
  const parts =
    message.content === null || message.content === '' ? calls : [message.content, ...calls];
  return [{ role: 'assistant', content: parts.join('\n') }];
}

const responseOpener = '<tool_response>';
const responseCloser = '</tool_response>';

/** Templates that want roles to alternate get the results of parallel calls as one message. */
function joinResponses(messages: readonly RenderedMessage[]): readonly RenderedMessage[] {
  const joined: RenderedMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    const areResponses =
      last?.role === 'user' &&
      message.role === 'user' &&
      last.content?.endsWith(responseCloser) === true &&
      message.content?.startsWith(responseOpener) === true;
    if (areResponses)
      joined[joined.length - 1] = { ...last, content: `${last.content}\n${message.content}` };
    else joined.push(message);
  }
  return joined;
}

function writtenCall(call: ToolCall, { form }: ToolPlan): string {
  const { marker, closer, argumentsKey, listOpener, listCloser } = toolForms[form];
  const json = `{"name": ${JSON.stringify(call.name)}, "${argumentsKey}": ${call.arguments}}`;
  if (form === 'llama') return json;
  return form === 'hermes'
    ? `${marker}\n${json}\n${closer}`
    : `${marker}${listOpener}${json}${listCloser}`;
}

/** OpenAI's developer is the system of all templates. */
function plainMessage(message: Exclude<ChatMessage, { role: 'tool' }>): RenderedMessage {
  const role = message.role === 'developer' ? 'system' : message.role;
  return {
    role,
    content: message.content ?? '',
    ...(message.name === undefined ? {} : { name: message.name }),
  };
}

function withSystemText(
  messages: readonly RenderedMessage[],
  systemText: string | undefined,
): readonly RenderedMessage[] {
  if (systemText === undefined) return messages;
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: systemText }, ...messages];
  return [{ ...first, content: `${first.content}\n\n${systemText}` }, ...rest];
}

/** Some templates refuse system messages: what they say comes before what the user says first. */
function systemAsUser(messages: readonly RenderedMessage[]): readonly RenderedMessage[] {
  const words = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const others = messages.filter(({ role }) => role !== 'system');
  if (words.length === 0) return messages;
  const [first, ...rest] = others;
  if (first?.role !== 'user') return [{ role: 'user', content: words.join('\n\n') }, ...others];
  return [{ ...first, content: [...words, first.content].join('\n\n') }, ...rest];
}

function argumentsOf(call: ToolCall): unknown {
  try {
    return JSON.parse(call.arguments);
  } catch {
    // A model's own words, kept as they are.
    return call.arguments;
  }
}

/** Mistral's templates refuse ids that are not nine letters and digits. */
function templateId(id: string, { form }: ToolPlan): string {
  if (form !== 'mistral') return id;
  const mistralIdLength = 9;
  const shortened = id
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(-mistralIdLength)
    .padStart(mistralIdLength, '0');
  assert(shortened.length === mistralIdLength, 'an id for Mistral has nine characters');
  return shortened;
}
