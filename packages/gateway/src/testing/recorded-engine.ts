import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** One exchange with a real engine, as `npm run bench -- record` writes it. */
export interface RecordedExchange {
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What a real engine answered, by the names of the questions, and what it told of its cache. */
export interface Recording {
  /** Version, flags, and the command that recorded it. */
  readonly origin: string;
  readonly exchanges: Readonly<Record<string, RecordedExchange>>;
  readonly kvEvents?: {
    readonly messages: readonly {
      readonly kinds: readonly string[];
      readonly frames: readonly string[];
      readonly earlier: string;
    }[];
    readonly replay: readonly (readonly string[])[];
  };
}

export type RecordedEngineName = 'llama-server' | 'vllm';

/** Reads the recording of an engine. */
export function recordingOf(name: RecordedEngineName): Recording {
  const file = new URL(`../engines/fixtures/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Recording;
}

/** The exchange of a recording with this name. */
export function exchangeIn(recording: Recording, name: string): RecordedExchange {
  return recording.exchanges[name] ?? assert.fail(`"${name}" is not recorded`);
}

/** A server that answers as a real engine did. */
export interface RecordedEngine {
  readonly url: URL;
  /** Bodies of the requests that were posted, by path. */
  readonly asked: { readonly path: string; readonly body: unknown }[];
  /** Recorded exchanges that answer posted requests, by path. */
  answers: Readonly<Record<string, string>>;
}

/** Framing is the server's own; what else the engine said of its answer is said again. */
const ownHeaders: ReadonlySet<string> = new Set(['transfer-encoding', 'connection', 'keep-alive']);

/** Serves a recording: looks by their path, posted requests by the exchange that `answers` names for it. */
export async function openRecordedEngine(
  t: TestContext,
  recording: Recording,
  answers: RecordedEngine['answers'] = {},
): Promise<RecordedEngine> {
  const asked: RecordedEngine['asked'] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (request.method === 'GET') {
      const look = recording.exchanges[`${path} at work`] ?? recording.exchanges[path];
      return answer(response, look);
    }
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.once('end', () => {
      asked.push({ path, body: JSON.parse(text) as unknown });
      answer(response, recording.exchanges[engine.answers[path] ?? '']);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const engine: RecordedEngine = { url: new URL(`http://127.0.0.1:${port}`), asked, answers };
  return engine;
}

function answer(response: ServerResponse, exchange: RecordedExchange | undefined): void {
  if (exchange === undefined) return void response.writeHead(404).end();
  const headers = Object.entries(exchange.headers).filter(([name]) => !ownHeaders.has(name));
  response.writeHead(exchange.status, Object.fromEntries(headers)).end(exchange.text);
}
