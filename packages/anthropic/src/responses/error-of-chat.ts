import { messagesErrorBody } from './error-body.ts';

const shownCharactersMax = 500;

/** The Messages body of an engine's error answer, `body`, whether or not that is in OpenAI's form. */
export function messagesErrorOfChat(
  answer: { readonly status: number; readonly body: string },
  requestId: string | null,
): string {
  const { status, body } = answer;
  const message = messageIn(body) ?? plainMessage(status, body);
  return messagesErrorBody({ status, message }, requestId);
}

function messageIn(body: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // Proxies before an engine answer in HTML or plain text; that is shown as it is.
    return undefined;
  }
  // Older vLLM writes the fields of `error` into the body itself.
  return textField(field(value, 'error'), 'message') ?? textField(value, 'message');
}

function textField(value: unknown, name: string): string | undefined {
  const text = field(value, name);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function plainMessage(status: number, body: string): string {
  const shown = body.trim().slice(0, shownCharactersMax);
  return shown === '' ? `The engine answered ${status} without a body.` : shown;
}
