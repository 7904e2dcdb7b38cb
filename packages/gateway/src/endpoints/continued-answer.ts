import type { BackendAnswer, BackendRequest } from '../backends/backend.ts';
import { discardBody } from '../messages/body.ts';
import { isEventStream } from '../messages/event-stream.ts';
import { ContinuedBody, type ContinuedStream } from '../resilience/continuation/continued-body.ts';
import {
  continuationObstacle,
  continuationRequest,
} from '../resilience/continuation/continuation-request.ts';
import type { ContinuationBounds } from '../resilience/resilience-policy.ts';
import type { Endpoint } from './endpoint.ts';

/** The request for the rest of an answer as it goes to an endpoint; `undefined` where that one cannot go on. */
type RestOf = (
  endpoint: Endpoint,
  model: string | undefined,
) => BackendRequest | 'complete' | undefined;

/** What an answer that may go on elsewhere needs. */
export interface ContinuableParts {
  readonly request: BackendRequest;
  readonly bounds: ContinuationBounds;
  /** The endpoint that answers. */
  readonly from: string;
  /** Sends what is left to an endpoint that did not have it yet. */
  readonly goOn: (
    rest: RestOf,
  ) => Promise<{ readonly answer: BackendAnswer; readonly to: string } | 'complete' | undefined>;
}

/** The answer, as one that goes on at another endpoint when its own dies amid the stream; as it is where that cannot be. */
export function continuable(answer: BackendAnswer, parts: ContinuableParts): BackendAnswer {
  if (answer.kind !== 'answered' || answer.message.status !== 200) return answer;
  const { message } = answer;
  const { request } = parts;
  const isEvents = isEventStream(message.headers);
  if (!isEvents || continuationObstacle(request.target, request.body) !== undefined) return answer;
  const body = new ContinuedBody({
    source: message.body,
    from: parts.from,
    isChat: request.target.startsWith('/v1/chat/'),
    bounds: parts.bounds,
    goOn: async (soFar): Promise<ContinuedStream | 'complete' | undefined> => {
      const found = await parts.goOn(({ kind }, model) => {
        const rest = continuationRequest(request, soFar, { kind, model });
        if (rest.kind === 'request') return { ...request, body: rest.body };
        return rest.kind === 'complete' ? 'complete' : undefined;
      });
      if (typeof found !== 'object') return found;
      if (found.answer.kind !== 'answered') return undefined;
      const { status, headers, body: more } = found.answer.message;
      if (status === 200 && isEventStream(headers)) return { body: more, to: found.to };
      discardBody(more);
      return undefined;
    },
  });
  // Its events come from several answers: whoever read those of the first sees no more than them.
  return { kind: 'answered', message: { ...message, body, events: undefined } };
}
