import { STATUS_CODES } from 'node:http';

const lines: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`,
);

/** The first line of an answer. */
export function statusLine(status: number): string {
  return lines[status] ?? `HTTP/1.1 ${status} \r\n`;
}
