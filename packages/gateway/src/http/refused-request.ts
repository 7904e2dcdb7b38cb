import {
  apiError,
  type ApiError,
  type ApiErrorCode,
  bodyTooLarge,
  headersTooLarge,
  malformedRequest,
  overloaded,
} from '@millrace/openai';
import { type RefusalReason, refusalText } from '../http1/refusal.ts';
import type { BodyRefusal } from './request-body.ts';
import type { GatewayBounds } from '../options.ts';

/** Refusals that are no fault of the message's form. */
const codes: Partial<Readonly<Record<RefusalReason, ApiErrorCode>>> = {
  'too-many-fields': 'headers_too_large',
  'trailers-too-large': 'headers_too_large',
  'method-unknown': 'not_implemented',
  'transfer-encoding-unknown': 'not_implemented',
  'version-unknown': 'http_version_unsupported',
  'expectation-unknown': 'expectation_failed',
};

/** What a client is told whose request is no HTTP/1.1 that is taken here. */
export function refusedRequest(reason: BodyRefusal, bounds: GatewayBounds): ApiError {
  if (reason === 'no-room') return noRoom(bounds.bodiesBytesMax);
  if (reason === 'body-too-large') return bodyTooLarge(bounds.bodyBytesMax);
  if (reason === 'fields-too-large') return headersTooLarge(bounds.headerBytesMax);
  if (reason === 'target-too-long') {
    const message = `The target is longer than the limit of ${bounds.targetBytesMax} bytes.`;
    return apiError('target_too_long', message);
  }
  const code = codes[reason];
  if (code === undefined) return malformedRequest(refusalText(reason));
  return apiError(code, `The request is refused: ${refusalText(reason)}.`);
}

const noRoomRetryMs = 1000;

/** Others are being answered, and the bodies of their requests fill what memory there is for them. */
export function noRoom(limitBytes: number): ApiError {
  const message = `The bodies of the requests that are being answered fill the limit of ${limitBytes} bytes.`;
  return overloaded(message, noRoomRetryMs);
}
