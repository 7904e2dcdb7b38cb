import { type ChatAnswer, readChatAnswer } from '../answers/chat-answer.ts';
import type { ResponseEcho } from './chat-of-response.ts';
import { itemStatusOf, type MessagePart, type OutputItem, responseBody } from './response-body.ts';

/** The body of the response that says what a chat completion says; throws `AnswerUnreadableError` naming what is amiss. */
export function responseOfChat(
  completion: unknown,
  echo: ResponseEcho,
): Readonly<Record<string, unknown>> {
  const answer = readChatAnswer(completion);
  const { id: chatId, model, createdUnixS, finish, usage } = answer;
  const head = { chatId, model, createdUnixS, echo };
  return responseBody(head, outputOf(answer), { kind: 'finished', finish, usage });
}

function outputOf(answer: ChatAnswer): readonly OutputItem[] {
  const items: OutputItem[] = [];
  const nextId = (prefix: string): string => itemId(prefix, answer.id, items.length);
  if (answer.reasoning !== '') {
    const content = [{ type: 'reasoning_text', text: answer.reasoning } as const];
    const id = nextId('rs');
    items.push({ type: 'reasoning', id, summary: [], content, status: 'completed' });
  }
  const content = partsOf(answer);
  if (content.length > 0) {
    const id = nextId('msg');
    items.push({ type: 'message', id, role: 'assistant', content, status: 'completed' });
  }
  for (const { id: callId, name, arguments: written } of answer.toolCalls) {
    const call = { call_id: callId, name, arguments: written, status: 'completed' } as const;
    items.push({ type: 'function_call', id: nextId('fc'), ...call });
  }
  const last = items.pop();
  // What was cut off is the end of the last item.
  return last === undefined ? [] : [...items, { ...last, status: itemStatusOf(answer.finish) }];
}

function partsOf({ text, refusal, logprobs }: ChatAnswer): readonly MessagePart[] {
  return [
    ...(text === '' ? [] : [{ type: 'output_text', text, annotations: [], logprobs } as const]),
    ...(refusal === '' ? [] : [{ type: 'refusal', refusal } as const]),
  ];
}

/** An item's id: it is the only one of its answer with that number. */
export function itemId(prefix: string, chatId: string, index: number): string {
  return `${prefix}_${chatId}_${index}`;
}
