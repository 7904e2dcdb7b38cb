/** What went wrong, as `error.type` of the Messages API says it. */
export type MessagesErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'api_error'
  | 'timeout_error'
  | 'overloaded_error';

const types: ReadonlyMap<number, MessagesErrorType> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

/** The type that the Messages API gives to errors of an HTTP status of 400 or more. */
export function messagesErrorType(status: number): MessagesErrorType {
  return types.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** The body of an error answer of the Messages API; `requestId` is null where there is none. */
export function messagesErrorBody(
  error: { readonly status: number; readonly message: string },
  requestId: string | null,
): string {
  const { status, message } = error;
  const type = messagesErrorType(status);
  return JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId });
}
