import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { messageOf } from '@millrace/stdx';
import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** Flags of the command. */
export const chatSettings: SettingTable = {
  url: { kind: 'text', value: 'URL', help: 'where the API is; by default http://127.0.0.1:8080' },
  model: {
    kind: 'text',
    value: 'NAME',
    help: 'model to talk to; by default the first that is served',
  },
  system: { kind: 'text', value: 'TEXT', help: 'instructions for the model' },
  help: { kind: 'switch', help: 'say this' },
};

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

interface Place {
  readonly url: string;
  readonly model: string;
}

/** `millrace chat`: a conversation in the terminal; without a terminal, one question from standard input. */
export async function runChatCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readSettings(chatSettings, { args, env: terminal.env });
  if (settings.values.get('help') === true) {
    terminal.out(`Usage: millrace chat [flags]\n\n${describeSettings(chatSettings)}\n`);
    return 0;
  }
  const url = String(settings.values.get('url') ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
  const place = { url, model: String(settings.values.get('model') ?? (await firstModel(url))) };
  const system = settings.values.get('system');
  const start: readonly Message[] =
    typeof system === 'string' ? [{ role: 'system', content: system }] : [];
  if (!terminal.isInteractive || !process.stdin.isTTY) {
    const question = (await text(process.stdin)).trim();
    const messages: readonly Message[] = [...start, { role: 'user', content: question }];
    await answer({ place, messages, terminal, signal: new AbortController().signal });
    terminal.out('\n');
    return 0;
  }
  return converse(place, start, terminal);
}

async function converse(
  place: Place,
  start: readonly Message[],
  terminal: Terminal,
): Promise<number> {
  terminal.out(
    `Talking to ${place.model}. /reset begins anew, /quit ends, Ctrl-C cuts an answer short.\n`,
  );
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  let messages = start;
  let running: AbortController | undefined;
  lines.on('SIGINT', () => {
    if (running === undefined) lines.close();
    else running.abort();
  });
  lines.setPrompt('> ');
  lines.prompt();
  for await (const line of lines) {
    const question = line.trim();
    if (question === '/quit') break;
    if (question === '/reset') messages = start;
    else if (question !== '') {
      messages = [...messages, { role: 'user', content: question }];
      running = new AbortController();
      const content = await answerOrComplain({ place, messages, terminal, signal: running.signal });
      running = undefined;
      messages =
        content === undefined
          ? messages.slice(0, -1)
          : [...messages, { role: 'assistant', content }];
      terminal.out('\n');
    }
    lines.prompt();
  }
  lines.close();
  return 0;
}

interface Turn {
  readonly place: Place;
  readonly messages: readonly Message[];
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function answerOrComplain(turn: Turn): Promise<string | undefined> {
  try {
    return await answer(turn);
  } catch (error) {
    if (!turn.signal.aborted) turn.terminal.err(`${messageOf(error)}\n`);
    return undefined;
  }
}

/** Streams an answer to the terminal; resolves to its text. */
async function answer(turn: Turn): Promise<string> {
  const { place, messages, terminal, signal } = turn;
  const response = await call(`${place.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: place.model, messages, stream: true }),
    signal,
  });
  if (!response.ok || response.body === null) throw await refusal(response);
  let whole = '';
  let rest = '';
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + piece).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const part = partOf(event);
      whole += part;
      terminal.out(part);
    }
  }
  return whole;
}

function partOf(event: string): string {
  const data = event.replace(/^data: /, '');
  if (data === '[DONE]') return '';
  const chunk = JSON.parse(data) as {
    readonly error?: { readonly message: string };
    readonly choices?: readonly { readonly delta: { readonly content?: string | null } }[];
  };
  if (chunk.error !== undefined) {
    throw new ServerError(chunk.error.message, { code: 'SERVER_ENGINE_FAILED' });
  }
  return chunk.choices?.[0]?.delta.content ?? '';
}

async function firstModel(url: string): Promise<string> {
  const response = await call(`${url}/v1/models`, {});
  if (!response.ok) throw await refusal(response);
  const list = (await response.json()) as { readonly data: readonly { readonly id: string }[] };
  const [first] = list.data;
  if (first === undefined)
    throw new ServerError(`${url} serves no model`, { code: 'SERVER_MODEL_UNAVAILABLE' });
  return first.id;
}

async function call(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw new ServerError(`nothing answers at ${url}; start it with "millrace up", or give --url`, {
      code: 'SERVER_ENGINE_FAILED',
      cause,
    });
  }
}

async function refusal(response: Response): Promise<ServerError> {
  const body = (await response.json().catch(() => undefined)) as
    | { readonly error?: { readonly message: string } }
    | undefined;
  return new ServerError(body?.error?.message ?? `the server says ${response.status}`, {
    code: 'SERVER_ENGINE_FAILED',
  });
}
