import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Prng, seededPrng } from '@millrace/stdx';

type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

const events = { 'content-type': 'text/event-stream' };

/** Ways of the world, and how often each comes, of a thousand. */
const behaviours: readonly (readonly [number, Behaviour])[] = [
  [420, (_request, response) => json(response, '{"whole":true}')],
  [380, (_request, response) => stream(response, 4, 1)],
  [30, (_request, response) => stream(response, 20, 5)],
  // As real llama-server does: it closes a connection that it said it keeps.
  [50, (request, response) => json(response, '{"whole":true}', () => request.socket.end())],
  [20, (request) => void request.socket.destroy()],
  [
    30,
    (_request, response) =>
      void head(response).write('data: {"piece":1}\n\n', () => response.destroy()),
  ],
  [10, (request) => void request.socket.end('no HTTP at all\r\n\r\n')],
  [10, (_request, response) => void head(response).end('data: {"choi\n\n\u0000\u0001garbage')],
  [20, (_request, response) => void response.writeHead(500).end('{"error":{"message":"broken"}}')],
  [20, (_request, response) => void response.writeHead(503).end('{"error":{"message":"full"}}')],
  [10, () => undefined],
];

/** An engine that mostly answers and otherwise does anything; says it is vLLM and lies about its load. Listens until it is killed. */
export function runChaoticEngine(port: number, seed: number): void {
  const random = seededPrng(seed);
  let running = 0;
  createServer((request, response) => {
    if (request.method === 'GET')
      return answerLook(request.url ?? '', response, { random, running });
    running++;
    response.once('close', () => running--);
    request.resume().once('end', () => behaviourOf(random)(request, response));
  }).listen(port, '127.0.0.1');
}

function answerLook(
  path: string,
  response: ServerResponse,
  { random, running }: { readonly random: Prng; readonly running: number },
): void {
  if (path === '/v1/models') return json(response, '{"data":[{"id":"m","owned_by":"vllm"}]}');
  if (path === '/running') return json(response, String(running));
  if (path !== '/metrics') return void response.writeHead(404).end();
  const lie = random.below(5);
  if (lie === 0) return void response.end('');
  if (lie === 1) return void response.end('vllm:num_requests_running nonsense\n');
  response.end(
    `vllm:num_requests_running ${random.below(10_000)}\nvllm:num_requests_waiting ${random.below(100)}\nvllm:kv_cache_usage_perc ${random.next()}\n`,
  );
}

function behaviourOf(random: Prng): Behaviour {
  let left = random.below(1_000);
  for (const [share, behaviour] of behaviours) {
    left -= share;
    if (left < 0) return behaviour;
  }
  return () => undefined;
}

function json(response: ServerResponse, text: string, after?: () => void): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(text, after);
}

function head(response: ServerResponse): ServerResponse {
  return response.writeHead(200, events);
}

function stream(response: ServerResponse, count: number, gapMs: number): void {
  head(response);
  const step = (left: number): void => {
    if (response.destroyed) return;
    if (left === 0) return void response.end('data: [DONE]\n\n');
    response.write(`data: {"piece":${left}}\n\n`);
    setTimeout(() => step(left - 1), gapMs);
  };
  step(count);
}
