import { type ApiError, errorBody } from '../error-response.ts';

/** The last event of a stream that ended well. */
export const doneEvent = 'data: [DONE]\n\n';

/** The media type of a stream of events. */
export const eventStreamType = 'text/event-stream; charset=utf-8';

/** One server-sent event. `json` holds no line break, as `JSON.stringify` writes none. */
export function sseEvent(json: string): string {
  return `data: ${json}\n\n`;
}

/** The event with which a stream that has begun tells of a failure; it is the last. */
export function errorEvent(error: ApiError): string {
  return sseEvent(errorBody(error));
}
