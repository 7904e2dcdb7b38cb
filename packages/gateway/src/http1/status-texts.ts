import { STATUS_CODES } from 'node:http';

const lines: readonly Buffer[] = Array.from({ length: 600 }, (_, status) =>
  Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`),
);

/** The first line of an answer. */
export function statusLine(status: number): Buffer {
  return lines[status] ?? Buffer.from(`HTTP/1.1 ${status} \r\n`);
}
