import type { Answer, AnswerBody, Ask, Fields } from './probe.ts';

/** One answer may take this long, also on a machine that does other things. */
const answerMsMax = 300_000;

/** Asks one route of a server, with these fields under those of the probe; a field that is undefined is left out. */
export function asker(
  place: { readonly url: string; readonly route: string },
  common: Fields,
): Ask {
  return async (fields) => {
    const response = await fetch(`${place.url}${place.route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...common, ...fields }),
      signal: AbortSignal.timeout(answerMsMax),
    });
    return readAnswer(response);
  };
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  const events = isStream ? readEvents(text) : [];
  const body = isStream ? undefined : parsed(text);
  return { status: response.status, isStream, body, events, message: messageIn(body, text) };
}

function readEvents(text: string): readonly AnswerBody[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => parsed(line.slice('data: '.length)))
    .filter((event) => event !== undefined);
}

function parsed(text: string): AnswerBody | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as AnswerBody) : undefined;
  } catch {
    return undefined;
  }
}

/** Servers put the words of an error in different places. */
function messageIn(body: AnswerBody | undefined, text: string): string {
  const error = body?.['error'];
  const words = typeof error === 'object' && error !== null && 'message' in error && error.message;
  const found = typeof words === 'string' ? words : text;
  return found.replaceAll(/\s+/g, ' ').trim();
}
