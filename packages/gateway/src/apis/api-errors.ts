import { messagesErrorBody } from '@millrace/anthropic';
import { type ApiError, errorBody, errorEvent, errorHeaders } from '@millrace/openai';
import { apiOf } from './api-route.ts';

/** The body of an error answer in the form of the API that a target is of. */
export function errorBodyFor(target: string, error: ApiError, requestId: string | null): string {
  return apiOf(target) === 'messages' ? messagesErrorBody(error, requestId) : errorBody(error);
}

/** The headers that go with it besides those of its body. */
export function errorHeadersFor(
  target: string,
  error: ApiError,
  requestId: string | null,
): Record<string, string> {
  const isNamed = requestId !== null && requestId !== '' && apiOf(target) === 'messages';
  // The clients of the Messages API look for it under this name.
  return { ...errorHeaders(error), ...(isNamed && { 'request-id': requestId }) };
}

/** The event with which a stream of such an API that has begun tells of a failure; it is the last. */
export function errorEventFor(target: string, error: ApiError): string {
  if (apiOf(target) !== 'messages') return errorEvent(error);
  return `event: error\ndata: ${messagesErrorBody(error, null)}\n\n`;
}
