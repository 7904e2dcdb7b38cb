import { apiError, type ApiError, headersTooLarge, malformedRequest } from '@millrace/openai';
import type { RequestHead } from '../http/exchange.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import type { GatewayBounds } from '../options.ts';

/** Fields that frame the message or belong to its connection (RFC 9113, 8.2.2); `te` and `expect` are for the next hop only. */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const methods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
]);
/** What may stand in a target as it is sent on: visible ASCII. */
const targetPattern = /^(?:\/[!-~]*|\*)$/;
/** What HTTP/1.1 could not carry on to an engine. */
// oxlint-disable-next-line no-control-regex
const forbiddenInValue = /[\u0000-\u0008\u000a-\u001f\u007f\u0100-\uffff]/;
const namePattern = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** What each field weighs beside its bytes (RFC 9113, 10.5.1). */
const bytesPerField = 32;

/** The head of a request as HTTP/2 brings it: names and values in turn. */
export function readHead(
  raw: readonly string[],
  bounds: Pick<GatewayBounds, 'headerBytesMax' | 'headersMax' | 'targetBytesMax'>,
): RequestHead | ApiError {
  const fields: Record<string, string[]> = {};
  const pseudo = new Map<string, string>();
  let byteCount = 0;
  let fieldCount = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    if (name.startsWith(':')) {
      pseudo.set(name, value);
      continue;
    }
    byteCount += name.length + value.length + bytesPerField;
    fieldCount++;
    if (!namePattern.test(name) || forbiddenInValue.test(value))
      return malformedRequest('a header has a character that it must not have');
    if (!ofConnection.has(name)) (fields[name] ??= []).push(value);
  }
  if (byteCount > bounds.headerBytesMax) return headersTooLarge(bounds.headerBytesMax);
  if (fieldCount > bounds.headersMax)
    return apiError(
      'headers_too_large',
      `There are more headers than the limit of ${bounds.headersMax}.`,
    );
  return headOf(pseudo, HeaderBlock.of(withOneCookie(fields)), bounds.targetBytesMax);
}

function headOf(
  pseudo: ReadonlyMap<string, string>,
  headers: HeaderBlock,
  targetBytesMax: number,
): RequestHead | ApiError {
  const method = pseudo.get(':method') ?? '';
  const target = pseudo.get(':path') ?? '';
  if (!methods.has(method))
    return apiError(
      'not_implemented',
      'The request is refused: the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.',
    );
  if (target.length > targetBytesMax)
    return apiError(
      'target_too_long',
      `The target is longer than the limit of ${targetBytesMax} bytes.`,
    );
  if (!targetPattern.test(target)) return malformedRequest('the target is no path and query');
  return { method, target, headers };
}

/** A cookie may come in pieces (RFC 9113, 8.2.3), which HTTP/1.1 joins by semicolons. */
function withOneCookie(fields: Record<string, string[]>): Record<string, string | string[]> {
  const { cookie } = fields;
  return cookie === undefined ? fields : { ...fields, cookie: cookie.join('; ') };
}
