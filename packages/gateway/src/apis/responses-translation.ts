import { chatOfResponse, responseOfChat, ResponseStream } from '@millrace/openai';
import { parsedBody } from './parsed-body.ts';
import type { Translated, TranslatedRequest } from './translation.ts';

/** A request for a response, as a chat completion. Errors have the same form in both APIs. */
export function translateResponses(request: TranslatedRequest): Translated {
  const body = parsedBody(request.body);
  if (body.kind === 'refused') return body;
  const parsed = chatOfResponse(body.value);
  if (parsed.kind === 'refused') return parsed;
  const { chat, echo, isStreamed } = parsed.request;
  return {
    kind: 'translated',
    translation: {
      target: '/v1/chat/completions',
      body: Buffer.from(JSON.stringify(chat)),
      answerOf: (answer) => ({ status: 200, body: JSON.stringify(responseOfChat(answer, echo)) }),
      errorOf: (answer) => answer,
      ...(isStreamed && { stream: new ResponseStream(echo) }),
    },
  };
}
