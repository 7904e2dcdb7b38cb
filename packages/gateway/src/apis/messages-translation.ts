import {
  chatOfMessages,
  messageOfChat,
  messagesErrorBody,
  messagesErrorOfChat,
  MessageStream,
  tokenizeOfCount,
} from '@millrace/anthropic';
import { parsedBody } from './parsed-body.ts';
import type { WholeAnswer, Translated, TranslatedRequest } from './translation.ts';

/** A request for a message, as a chat completion. */
export function translateMessages(request: TranslatedRequest): Translated {
  const body = parsedBody(request.body);
  if (body.kind === 'refused') return body;
  const parsed = chatOfMessages(body.value);
  if (parsed.kind === 'refused') return parsed;
  const { chat, isStreamed } = parsed.request;
  const requestId = request.headers.get('x-request-id') ?? null;
  return {
    kind: 'translated',
    translation: {
      target: '/v1/chat/completions',
      body: Buffer.from(JSON.stringify(chat)),
      answerOf: (answer) => ({ status: 200, body: JSON.stringify(messageOfChat(answer)) }),
      errorOf: (answer) => ({
        status: answer.status,
        body: messagesErrorOfChat(answer, requestId),
      }),
      ...(isStreamed && { stream: new MessageStream() }),
    },
  };
}

/** A request for a count of tokens, as one for the tokens themselves, which not every engine answers. */
export function translateCount(request: TranslatedRequest): Translated {
  const body = parsedBody(request.body);
  if (body.kind === 'refused') return body;
  const parsed = tokenizeOfCount(body.value);
  if (parsed.kind === 'refused') return parsed;
  const requestId = request.headers.get('x-request-id') ?? null;
  return {
    kind: 'translated',
    translation: {
      target: '/tokenize',
      body: Buffer.from(JSON.stringify(parsed.request)),
      answerOf: (answer) => countOf(answer, requestId),
      errorOf: (answer) => countErrorOf(answer, requestId),
    },
  };
}

/** Statuses by which engines say that they have no such route, or do not take conversations there. */
const unsupported: ReadonlySet<number> = new Set([404, 405, 422, 501]);

function countErrorOf(answer: WholeAnswer, requestId: string | null): WholeAnswer {
  if (unsupported.has(answer.status) && !/model/i.test(answer.body))
    return countUnsupported(requestId);
  return { status: answer.status, body: messagesErrorOfChat(answer, requestId) };
}

function countOf(answer: unknown, requestId: string | null): WholeAnswer {
  const { count, tokens } = (typeof answer === 'object' && answer !== null ? answer : {}) as {
    readonly count?: unknown;
    readonly tokens?: unknown;
  };
  const found = typeof count === 'number' ? count : Array.isArray(tokens) ? tokens.length : 0;
  // llama.cpp takes texts only, and answers all else with no tokens at all.
  if (found === 0) return countUnsupported(requestId);
  return { status: 200, body: JSON.stringify({ input_tokens: found }) };
}

function countUnsupported(requestId: string | null): WholeAnswer {
  const message =
    'The engine of this model cannot count the tokens of messages: it has no /tokenize that takes them.';
  return { status: 404, body: messagesErrorBody({ status: 404, message }, requestId) };
}
