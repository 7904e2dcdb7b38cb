/** Each way in which a message is no HTTP/1.1 that is taken here: the status that says so, and a clause that says what is wrong. */
const refusals: Readonly<Record<RefusalReason, readonly [status: RefusalStatus, clause: string]>> =
  {
    'bare-carriage-return': [400, 'a carriage return stands without its line feed'],
    'bare-line-feed': [400, 'a line ends with a line feed alone'],
    'body-too-large': [413, 'the body is larger than the limit'],
    'chunk-extension-invalid': [400, 'a chunk extension is no name, or a name and a value'],
    'chunk-extensions-too-large': [400, 'the chunk extensions are larger than the limit'],
    'chunk-not-ended': [400, 'a chunk does not end where its size says'],
    'chunk-size-invalid': [400, 'a chunk does not begin with its size in hexadecimal digits'],
    'chunk-size-too-large': [400, 'the size of a chunk is larger than any that can be'],
    'connection-invalid': [400, 'the header connection names what is not of one connection only'],
    'content-length-and-transfer-encoding': [
      400,
      'there are both content-length and transfer-encoding',
    ],
    'content-length-invalid': [400, 'content-length is no whole number in digits'],
    'content-length-repeated': [400, 'there is more than one content-length'],
    'expectation-unknown': [417, 'the header expect names something else than 100-continue'],
    'field-name-invalid': [400, 'the name of a header has a character that it must not have'],
    'field-value-invalid': [400, 'the value of a header has a control character'],
    'fields-too-large': [431, 'the headers are larger than the limit'],
    'host-invalid': [400, 'the header host is no host and port'],
    'host-missing': [400, 'there is no header host'],
    'host-repeated': [400, 'there is more than one header host'],
    'line-folded': [400, 'the value of a header goes on in a second line'],
    'method-invalid': [400, 'the request does not begin with a method'],
    'method-unknown': [
      501,
      'the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS',
    ],
    'status-invalid': [400, 'the status is no number of three digits from 100 to 599'],
    'status-line-invalid': [400, 'the answer does not begin with a status line'],
    'target-invalid': [400, 'the target is no path and query, nor an address of the same host'],
    'target-too-long': [414, 'the target is longer than the limit'],
    'too-many-fields': [431, 'there are more headers than the limit'],
    'trailer-invalid': [400, 'a trailer has a name that must stand in a head'],
    'trailers-too-large': [431, 'the trailers are larger than the limit'],
    'transfer-encoding-in-1.0': [400, 'HTTP/1.0 has no transfer-encoding'],
    'transfer-encoding-repeated': [400, 'there is more than one transfer-encoding'],
    'transfer-encoding-unexpected': [400, 'an answer of this status has no transfer-encoding'],
    'transfer-encoding-unknown': [501, 'transfer-encoding is something else than chunked'],
    'version-invalid': [400, 'the first line does not name a version of HTTP'],
    'version-unknown': [505, 'the version of HTTP is neither 1.1 nor 1.0'],
  };

/** The status by which a client is told of it. */
export function refusalStatus(reason: RefusalReason): RefusalStatus {
  return refusals[reason][0];
}

/** A clause that says what is wrong, without a full stop. */
export function refusalText(reason: RefusalReason): string {
  return refusals[reason][1];
}

/** Why a message is not taken. */
export type RefusalReason =
  | 'bare-carriage-return'
  | 'bare-line-feed'
  | 'body-too-large'
  | 'chunk-extension-invalid'
  | 'chunk-extensions-too-large'
  | 'chunk-not-ended'
  | 'chunk-size-invalid'
  | 'chunk-size-too-large'
  | 'connection-invalid'
  | 'content-length-and-transfer-encoding'
  | 'content-length-invalid'
  | 'content-length-repeated'
  | 'expectation-unknown'
  | 'field-name-invalid'
  | 'field-value-invalid'
  | 'fields-too-large'
  | 'host-invalid'
  | 'host-missing'
  | 'host-repeated'
  | 'line-folded'
  | 'method-invalid'
  | 'method-unknown'
  | 'status-invalid'
  | 'status-line-invalid'
  | 'target-invalid'
  | 'target-too-long'
  | 'too-many-fields'
  | 'trailer-invalid'
  | 'trailers-too-large'
  | 'transfer-encoding-in-1.0'
  | 'transfer-encoding-repeated'
  | 'transfer-encoding-unexpected'
  | 'transfer-encoding-unknown'
  | 'version-invalid'
  | 'version-unknown';

/** The status of a refusal. */
export type RefusalStatus = 400 | 413 | 414 | 417 | 431 | 501 | 505;
