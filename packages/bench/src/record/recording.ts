import { type BusyEngine, keepBusy } from './keep-busy.ts';
import type { Question } from './questions.ts';

/** What a real engine answered to one request. */
export interface Exchange {
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly status: number;
  /** Those that say how the body is to be read. */
  readonly headers: Readonly<Record<string, string>>;
  /** As it came: the bytes of a stream are its events and the lines between them. */
  readonly text: string;
}

const answerMsMax = 120_000;
/** Longer texts of an answer are cut: templates of chats and the like, which no test reads. */
const lengthMax = 4_000;
const keptHeaders = [
  'content-type',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'retry-after',
];
/** Histograms, and what the process says of itself, are nobody's load. */
const leftOutMetrics = /^(?:#|.*_(?:bucket|created|count|sum)[{ ]|python_|process_|http_)/;

/** Asks an engine all questions, one after the other. */
export async function recordExchanges(
  url: string,
  questions: readonly Question[],
  scrub: (text: string) => string,
): Promise<Readonly<Record<string, Exchange>>> {
  const found: Record<string, Exchange> = {};
  for (const question of questions) {
    const busy: BusyEngine | undefined =
      question.isAtWork === true ? await keepBusy(url) : undefined;
    found[question.name] = await record(url, question, scrub);
    await busy?.end();
  }
  return found;
}

async function record(
  url: string,
  { method, path, body }: Question,
  scrub: (text: string) => string,
): Promise<Exchange> {
  const response = await fetch(`${url}${path}`, {
    method,
    signal: AbortSignal.timeout(answerMsMax),
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  });
  const text = await response.text();
  return {
    request: { method, path, ...(body !== undefined && { body: shortened(body) }) },
    status: response.status,
    headers: Object.fromEntries(
      keptHeaders.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    ),
    text: scrub(path === '/metrics' ? loadMetrics(text) : withoutLongTexts(text)),
  };
}

function loadMetrics(text: string): string {
  const lines = text.split('\n').filter((line) => !leftOutMetrics.test(line));
  return lines.join('\n');
}

/** JSON whose texts are all short goes as it came. */
function withoutLongTexts(text: string): string {
  if (text.length <= lengthMax || !text.startsWith('{')) return text;
  return JSON.stringify(JSON.parse(text), (_name, value: unknown) => shortened(value));
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string' && value.length > lengthMax / 4) return `${value.slice(0, 40)}…`;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shortened);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shortened(each)]));
}
