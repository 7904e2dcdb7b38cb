/** A field of a form, and where its value stands in the body. */
export interface MultipartField {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A name of a model is shorter. */
const valueBytesMax = 1024;
const partHeadBytesMax = 16 * 1024;
const headEnd = Buffer.from('\r\n\r\n');

/**
 * The first field of that name in a body of multipart/form-data (RFC 7578); undefined where there is none, where it is
 * too long for a name, or where the body is no such form. Files are passed over without being looked into.
 */
export function multipartField(
  body: Buffer,
  contentType: string,
  name: string,
): MultipartField | undefined {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return undefined;
  const opening = Buffer.from(`--${boundary}`);
  const closing = Buffer.from(`\r\n--${boundary}`);
  let at = body.indexOf(opening);
  while (at !== -1) {
    const headStart = at + opening.length;
    // The last boundary has two hyphens behind it.
    if (body.subarray(headStart, headStart + 2).toString('latin1') !== '\r\n') return undefined;
    const headStop = body.indexOf(headEnd, headStart);
    if (headStop === -1 || headStop - headStart > partHeadBytesMax) return undefined;
    const start = headStop + headEnd.length;
    const end = body.indexOf(closing, start);
    if (end === -1) return undefined;
    const head = body.toString('utf8', headStart, headStop);
    if (isField(head, name) && end - start <= valueBytesMax)
      return { value: body.toString('utf8', start, end), start, end };
    at = end + 2;
  }
  return undefined;
}

/** The body with another value for the field. */
export function withMultipartField(body: Buffer, field: MultipartField, value: string): Buffer {
  return Buffer.concat([
    body.subarray(0, field.start),
    Buffer.from(value),
    body.subarray(field.end),
  ]);
}

function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
}

/** Whether a part is that field and no file. */
function isField(head: string, name: string): boolean {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head)?.[1] ?? '';
  if (/;?\s*filename\*?=/i.test(disposition)) return false;
  const found = /(?:^|;)\s*name=(?:"([^"]*)"|([^\s;]+))/i.exec(disposition);
  return (found?.[1] ?? found?.[2]) === name;
}
