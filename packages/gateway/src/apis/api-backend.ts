import { apiError, type ApiError } from '@millrace/openai';
import { messageOf } from '@millrace/stdx';
import {
  type AnswerMessage,
  answerTo,
  type Backend,
  type BackendAnswer,
  type BackendRequest,
  type TakeAnswer,
  takeLater,
} from '../backends/backend.ts';
import { BytesBody, discardBody, readBody } from '../messages/body.ts';
import { isEventStream } from '../messages/event-stream.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { errorBodyFor, errorEventFor, errorHeadersFor } from './api-errors.ts';
import { type ApiRoute, apiRouteOf, type TranslatedApi } from './api-route.ts';
import { translateCount, translateMessages } from './messages-translation.ts';
import { translateResponses } from './responses-translation.ts';
import { TranslatedBody } from './translated-body.ts';
import type { Translated, Translation, WholeAnswer } from './translation.ts';

/** What putting APIs in front of an engine needs. */
export interface ApiBackendOptions {
  /** APIs that the engine speaks itself: their requests go on as they came. */
  readonly nativeApis: readonly TranslatedApi[];
  /** Largest whole answer that is translated. */
  readonly answerBytesMax: number;
}

/** An engine that speaks OpenAI's chat completions, behind the Messages and the Responses API. */
export class ApiBackend implements Backend {
  readonly #inner: Backend;
  readonly #options: ApiBackendOptions;

  constructor(inner: Backend, options: ApiBackendOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  get unavailable(): ApiError | undefined {
    return this.#inner.unavailable;
  }

  send(request: BackendRequest, take: TakeAnswer): void {
    const route = apiRouteOf(request.method, request.target);
    if (route === undefined) this.#inner.send(request, take);
    else if (this.#options.nativeApis.includes(route.api)) this.#sendNative(request, take);
    else takeLater(this.#sendTranslated(request, route), take);
  }

  async #sendTranslated(request: BackendRequest, route: ApiRoute): Promise<BackendAnswer> {
    const translated = translate(route, request);
    if (translated.kind === 'refused') return refused(request, translated.error);
    const { translation } = translated;
    const sent = await answerTo(this.#inner, {
      ...request,
      target: translation.target,
      headers: headersToEngine(request.headers),
      body: translation.body,
    });
    if (sent.kind !== 'answered') return sent;
    const answer = await this.#answerOf(request, sent.message, translation);
    return route.api === 'messages' ? withRequestId(answer, request) : answer;
  }

  #sendNative(request: BackendRequest, take: TakeAnswer): void {
    this.#inner.send(request, (answer) => {
      if (answer.kind !== 'answered') return take(answer);
      const failureEvent = (error: ApiError): string => errorEventFor(request.target, error);
      take({ kind: 'answered', message: { ...answer.message, failureEvent } });
    });
  }

  async #answerOf(
    request: BackendRequest,
    message: AnswerMessage,
    { answerOf, errorOf, stream }: Translation,
  ): Promise<BackendAnswer> {
    const { status, headers } = message;
    const hasBegun = status === 200 && stream !== undefined;
    if (hasBegun && isEventStream(headers)) {
      const failureEvent = (error: ApiError): string => stream.fail(error);
      const body = new TranslatedBody(message.body, stream);
      return { kind: 'answered', message: { status, headers, body, failureEvent } };
    }
    if (hasBegun) {
      discardBody(message.body);
      return failed('it answered a request for a stream without one');
    }
    const read = await readBody(message.body, this.#options.answerBytesMax);
    if (read.kind === 'too-large')
      return failed(`its answer is larger than ${this.#options.answerBytesMax} bytes`);
    if (read.kind === 'cut') {
      if (request.cancellation.reason !== undefined) return { kind: 'abandoned' };
      return failed('it ended before its answer was whole');
    }
    const text = read.bytes.toString('utf8');
    if (status >= 300) return answered(headers, errorOf({ status, body: text }));
    try {
      return answered(headers, answerOf(JSON.parse(text)));
    } catch (error) {
      return failed(messageOf(error));
    }
  }
}

function translate(route: ApiRoute, request: BackendRequest): Translated {
  switch (route.asks) {
    case 'answer':
      return route.api === 'messages' ? translateMessages(request) : translateResponses(request);
    case 'count':
      return translateCount(request);
    case 'unsupported':
      return { kind: 'refused', error: notSupported(route.api, request) };
  }
}

function notSupported(api: TranslatedApi, { method, target }: BackendRequest): ApiError {
  const known =
    api === 'messages'
      ? 'POST /v1/messages and POST /v1/messages/count_tokens'
      : 'POST /v1/responses; nothing is stored';
  const path = target.split('?')[0] ?? '';
  return apiError('route_not_found', `There is nothing at ${method} ${path}; there is ${known}.`);
}

/** An engine is asked in OpenAI's way, and for an answer that can be read here. */
function headersToEngine(headers: HeaderBlock): HeaderBlock {
  const kept = headers.without(['accept-encoding', 'anthropic-version', 'anthropic-beta']);
  const key = kept.get('x-api-key');
  if (key === undefined) return kept;
  const own = kept.without(['x-api-key']);
  return own.has('authorization') ? own : own.with({ authorization: `Bearer ${key}` });
}

/** The clients of the Messages API look for it under this name. */
function withRequestId(answer: BackendAnswer, request: BackendRequest): BackendAnswer {
  const requestId = request.headers.get('x-request-id');
  if (answer.kind !== 'answered' || requestId === undefined) return answer;
  const headers = answer.message.headers.with({ 'request-id': requestId });
  return { kind: 'answered', message: { ...answer.message, headers } };
}

/** Its client is told at once: no engine would do better. */
function refused(request: BackendRequest, error: ApiError): BackendAnswer {
  const requestId = request.headers.get('x-request-id') ?? null;
  const body = errorBodyFor(request.target, error, requestId);
  return answered(HeaderBlock.of(errorHeadersFor(request.target, error, requestId)), {
    status: error.status,
    body,
  });
}

function answered(headers: HeaderBlock, { status, body }: WholeAnswer): BackendAnswer {
  const told = headers.with({ 'content-type': 'application/json' });
  return { kind: 'answered', message: { status, headers: told, body: new BytesBody(body) } };
}

function failed(what: string): BackendAnswer {
  return { kind: 'failed', error: apiError('backend_failed', `The engine failed: ${what}.`) };
}
