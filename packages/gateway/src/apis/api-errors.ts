import { messagesErrorBody } from '@millrace/anthropic';
import { type ApiError, errorBody, errorEvent } from '@millrace/openai';
import { apiOf } from './api-route.ts';

/** The body of an error answer in the form of the API that a target is of. */
export function errorBodyFor(target: string, error: ApiError, requestId: string | null): string {
  return apiOf(target) === 'messages' ? messagesErrorBody(error, requestId) : errorBody(error);
}

/** The event with which a stream of such an API that has begun tells of a failure; it is the last. */
export function errorEventFor(target: string, error: ApiError): string {
  if (apiOf(target) !== 'messages') return errorEvent(error);
  return `event: error\ndata: ${messagesErrorBody(error, null)}\n\n`;
}
