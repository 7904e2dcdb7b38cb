/** Every kind of refusal or failure that a client can be told, and the HTTP status that goes with it. */
const statuses = {
  body_not_json: 400,
  context_length_exceeded: 400,
  invalid_type: 400,
  invalid_value: 400,
  malformed_request: 400,
  missing_required_parameter: 400,
  unknown_parameter: 400,
  unsupported_parameter: 400,
  unsupported_value: 400,
  invalid_api_key: 401,
  model_not_found: 404,
  route_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_too_large: 413,
  target_too_long: 414,
  unsupported_media_type: 415,
  expectation_failed: 417,
  rate_limit_exceeded: 429,
  headers_too_large: 431,
  client_closed_request: 499,
  engine_failed: 500,
  not_implemented: 501,
  backend_failed: 502,
  backend_unavailable: 503,
  draining: 503,
  overloaded: 503,
  deadline_exceeded: 504,
  http_version_unsupported: 505,
} as const;

/** What went wrong, as `error.code` says it. */
export type ApiErrorCode = keyof typeof statuses;

/** An error as a client is told of it. */
export interface ApiError {
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly type: string;
  readonly message: string;
  /** Where in the body it lies: `messages[0].content`. */
  readonly param: string | null;
  /** Present: the client may try again after so long. */
  readonly retryAfterMs?: number;
  /** Present: the methods that the path answers to. */
  readonly allowedMethods?: readonly string[];
}

/** Makes an error; its status and type follow from its code. */
export function apiError(
  code: ApiErrorCode,
  message: string,
  more: Partial<Pick<ApiError, 'param' | 'retryAfterMs' | 'allowedMethods'>> = {},
): ApiError {
  const status = statuses[code];
  return { code, status, type: typeOf(status), message, param: null, ...more };
}

/** The body of an error answer. */
export function errorBody(error: ApiError): string {
  const { message, type, param, code } = error;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** The headers that go with an error besides those of its body. */
export function errorHeaders(error: ApiError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
    headers['retry-after-ms'] = String(Math.ceil(error.retryAfterMs));
  }
  if (error.allowedMethods !== undefined) headers['allow'] = error.allowedMethods.join(', ');
  return headers;
}

export function bodyNotJson(reason: string): ApiError {
  return apiError('body_not_json', `The body is not valid JSON: ${reason}.`);
}

export function bodyTooLarge(limitBytes: number): ApiError {
  return apiError('body_too_large', `The body is larger than the limit of ${limitBytes} bytes.`);
}

export function requestTimeout(limitMs: number): ApiError {
  return apiError('request_timeout', `The request did not arrive within ${limitMs} ms.`);
}

export function unsupportedMediaType(contentType: string): ApiError {
  const message = `The content type is ${quoted(contentType)}; the body must be application/json.`;
  return apiError('unsupported_media_type', message);
}

export function routeNotFound(method: string, path: string): ApiError {
  return apiError('route_not_found', `There is nothing at ${method} ${path}.`);
}

export function methodNotAllowed(
  method: string,
  path: string,
  allowedMethods: readonly string[],
): ApiError {
  const message = `${path} does not answer ${method}; it answers ${allowedMethods.join(', ')}.`;
  return apiError('method_not_allowed', message, { allowedMethods });
}

export function modelNotFound(model: string, served: readonly string[]): ApiError {
  const names = served.map(quoted).join(', ');
  const message = `The model ${quoted(model)} does not exist here; served: ${names || 'none'}.`;
  return apiError('model_not_found', message, { param: 'model' });
}

export function contextLengthExceeded(
  promptTokens: number,
  limitTokens: number,
  param: string,
): ApiError {
  const message =
    `The prompt has ${promptTokens} tokens; the limit is ${limitTokens}, ` +
    `which leaves one token of the context for an answer.`;
  return apiError('context_length_exceeded', message, { param });
}

export function queueFull(limit: number, retryAfterMs: number): ApiError {
  const message = `The queue is full: ${limit} answers may wait. Try again in ${retryAfterMs} ms.`;
  return apiError('rate_limit_exceeded', message, { retryAfterMs });
}

export function draining(): ApiError {
  const message = 'The server is shutting down and takes no new requests.';
  return apiError('draining', message, { retryAfterMs: 1000 });
}

/** There is no room for it, and there will be. */
export function overloaded(message: string, retryAfterMs: number): ApiError {
  return apiError('overloaded', `${message} Try again in ${retryAfterMs} ms.`, { retryAfterMs });
}

export function deadlineExceeded(message: string): ApiError {
  return apiError('deadline_exceeded', message, { param: 'deadline_ms' });
}

export function engineFailed(message: string): ApiError {
  return apiError('engine_failed', `The engine failed: ${message}`);
}

/** What a request is told whose head is no HTTP. */
export function malformedRequest(reason: string): ApiError {
  return apiError('malformed_request', `The request is not valid HTTP: ${reason}.`);
}

export function headersTooLarge(limitBytes: number): ApiError {
  const message = `The headers are larger than the limit of ${limitBytes} bytes.`;
  return apiError('headers_too_large', message);
}

const quotedCharactersMax = 80;

/** A value as a message shows it: short, whatever the value is. */
export function quoted(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length} entries`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  if (value.length <= quotedCharactersMax) return JSON.stringify(value);
  return `${JSON.stringify(value.slice(0, quotedCharactersMax))} and so on`;
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  if (status <= 499 || status === 501 || status === 505) return 'invalid_request_error';
  if (status === 503) return 'service_unavailable_error';
  return status === 504 ? 'timeout_error' : 'server_error';
}
