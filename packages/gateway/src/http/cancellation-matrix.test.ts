import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { BackendAddress } from '../backends/backend-address.ts';
import { openGateway, openHttpBackend } from '../testing/open-gateway.ts';

const states = ['queued', 'connecting', 'waiting', 'generating', 'retrying'] as const;
type State = (typeof states)[number];

/** What an engine saw of the request under test, proof that it was told to stop. */
interface Engine {
  readonly address: BackendAddress;
  /** Resolves when the request is in the state that is looked at. */
  readonly reached: Promise<unknown>;
  /** Resolves when the engine knows that nobody wants the answer. */
  readonly stopped: Promise<unknown>;
  /** Requests that an engine took and that have not ended. */
  readonly running: () => number;
}

async function listen(t: TestContext, server: ReturnType<typeof createTcpServer>): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** An engine with which no connection comes to be: it never answers the TLS handshake. */
async function openSilent(t: TestContext): Promise<Engine> {
  const reached = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const server = createTcpServer((socket) => {
    socket.once('data', () => reached.resolve());
    socket.once('close', () => stopped.resolve());
  });
  const port = await listen(t, server);
  return {
    address: { kind: 'tls', host: '127.0.0.1', port },
    reached: reached.promise,
    stopped: stopped.promise,
    running: () => 0,
  };
}

type Take = (request: IncomingMessage, response: ServerResponse) => void;

/** An engine that takes each request and goes by `take` with the one under test. */
async function openEngine(
  t: TestContext,
  isUnderTest: (count: number) => boolean,
  take: Take,
): Promise<Engine> {
  const reached = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  let count = 0;
  let running = 0;
  const server = createServer((request, response) => {
    running++;
    response.once('close', () => running--);
    if (!isUnderTest(++count)) return take(request, response);
    response.once('close', () => stopped.resolve());
    take(request, response);
    setImmediate(() => reached.resolve());
  });
  const port = await listen(t, server);
  return {
    address: { kind: 'tcp', host: '127.0.0.1', port },
    reached: reached.promise,
    stopped: stopped.promise,
    running: () => running,
  };
}

function beginAnswer(response: ServerResponse, isStream: boolean): void {
  if (isStream) {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n');
  } else {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
    response.write('{"part":');
  }
}

function openFor(t: TestContext, state: State, isStream: boolean): Promise<Engine> {
  switch (state) {
    case 'connecting':
      return openSilent(t);
    case 'queued':
      // The first request has the only connection for as long as the second, under test, waits.
      return openEngine(
        t,
        () => false,
        () => undefined,
      );
    case 'waiting':
      return openEngine(
        t,
        () => true,
        () => undefined,
      );
    case 'generating':
      return openEngine(
        t,
        () => true,
        (_request, response) => beginAnswer(response, isStream),
      );
    case 'retrying': {
      // The first answer leaves a connection for the second request, which dies under it and goes to a third.
      let count = 0;
      return openEngine(
        t,
        (index) => index === 3,
        (request, response) => {
          count++;
          if (count === 1) response.end('first');
          else if (count === 2) request.socket.destroy();
        },
      );
    }
  }
}

interface Asked {
  readonly leave: () => void;
  /** Status and text, or that the connection was cut. */
  readonly outcome: Promise<string>;
}

function ask(port: number, isStream: boolean): Asked {
  const request = openRequest({
    host: '127.0.0.1',
    port,
    path: '/v1/x',
    method: 'POST',
    agent: false,
  });
  const outcome = new Promise<string>((resolve) => {
    request.on('error', () => resolve('cut'));
    request.on('response', (response) => {
      let text = `${response.statusCode} `;
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.once('end', () => resolve(response.complete ? text : 'cut'));
      response.on('error', () => resolve('cut'));
    });
  });
  request.end(JSON.stringify({ model: 'm', stream: isStream }));
  return { leave: () => request.destroy(), outcome };
}

const whys = ['client closes', 'deadline'] as const;

for (const state of states)
  for (const isStream of [true, false])
    for (const why of whys)
      test(`${isStream ? 'a stream' : 'an answer'} that is ${state} when the ${why} is stopped at the engine`, async (t) => {
        const engine = await openFor(t, state, isStream);
        const backend = openHttpBackend(t, engine.address, {
          connectionsMax: state === 'queued' ? 1 : 16,
          firstByteMsMax: 60_000,
        });
        const { gateway, port } = await openGateway(t, backend, {
          bounds: { answerMsMax: why === 'deadline' ? 400 : 60_000 },
        });
        if (state === 'retrying') assert.equal(await ask(port, false).outcome, '200 first');
        const first = state === 'queued' ? ask(port, isStream) : undefined;
        if (first !== undefined) while (engine.running() === 0) await new Promise(setImmediate);
        const asked = ask(port, isStream);
        const isQueued = state === 'queued';
        if (isQueued && why === 'client closes')
          while (gateway.activeCount < 2) await new Promise(setImmediate);
        // On a machine that is slow to connect the deadline may come first: then there is nothing to stop.
        const reached = engine.reached.then(() => true);
        const wasReached =
          !isQueued && (await Promise.race([reached, asked.outcome.then(() => false)]));
        if (why === 'client closes') {
          asked.leave();
          assert.equal(await asked.outcome, 'cut');
        } else assert.match(await asked.outcome, expectedAtDeadline(state, isStream));
        // What was queued never reached the engine: what runs there, if anything, is the first request.
        if (isQueued) first?.leave();
        if (wasReached) await engine.stopped;
        while (engine.running() > 0 || gateway.activeCount > 0) await new Promise(setImmediate);
      });

function expectedAtDeadline(state: State, isStream: boolean): RegExp {
  if (state !== 'generating') return /^504 .*deadline_exceeded/;
  return isStream ? /^200 data: \{"a":1\}\n\ndata: \{"error":.*longer than it may/ : /^cut$/;
}
