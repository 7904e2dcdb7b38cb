import { createServer, type IncomingMessage, request as openRequest } from 'node:http';
import { Duplex } from 'node:stream';
import type { ReadMessage } from './read-messages.ts';

/** What Node's parser, llhttp in strict mode, made of bytes: the messages that it read whole. */
export interface LlhttpRead {
  readonly messages: readonly ReadMessage[];
}

/** One side of a connection whose other side sends these bytes, and then ends or goes on for ever. */
class Incoming extends Duplex {
  readonly #ends: boolean;
  #bytes: Buffer | undefined;

  constructor(bytes: Buffer, ends: boolean) {
    super();
    this.#bytes = bytes;
    this.#ends = ends;
  }

  override _read(): void {
    if (this.#bytes !== undefined) this.push(this.#bytes);
    else if (this.#ends) this.push(null);
    this.#bytes = undefined;
  }

  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    done();
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }
}

/** Reads requests from one connection. */
export async function llhttpRequests(bytes: Buffer): Promise<LlhttpRead> {
  const reading: Promise<ReadMessage | undefined>[] = [];
  const server = createServer({ insecureHTTPParser: false }, (request, response) => {
    const start = `${request.method} ${request.url}`;
    const read = bodyOf(request).then((body) =>
      body === undefined ? undefined : { start, headers: endToEnd(request), body },
    );
    reading.push(read);
    void read.then(() => response.end());
  });
  // What follows and cannot be read must not break off what was read.
  server.on('clientError', () => undefined);
  const socket = new Incoming(bytes, false);
  server.emit('connection', socket);
  await settled();
  socket.destroy();
  server.closeAllConnections();
  const messages = (await Promise.all(reading)).filter((message) => message !== undefined);
  return { messages };
}

/** Reads the answer to a GET from a connection that ends. */
export async function llhttpAnswer(bytes: Buffer): Promise<LlhttpRead> {
  const socket = new Incoming(bytes, true);
  const request = openRequest({ createConnection: () => socket, path: '/' });
  const reading: Promise<ReadMessage | undefined>[] = [];
  request.on('error', () => undefined);
  request.on('response', (answer) => reading.push(answerOf(answer)));
  request.end();
  await settled();
  socket.destroy();
  const messages = (await Promise.all(reading)).filter((message) => message !== undefined);
  return { messages };
}

async function answerOf(answer: IncomingMessage): Promise<ReadMessage | undefined> {
  const body = await bodyOf(answer);
  if (body === undefined) return undefined;
  return { start: `${answer.statusCode}`, headers: endToEnd(answer), body };
}

/** Streams in memory are through after a few turns of the loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function bodyOf(message: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message) pieces.push(piece as Buffer);
  } catch {
    return undefined;
  }
  return message.complete ? Buffer.concat(pieces).toString('latin1') : undefined;
}

const ofConnection =
  /^(?:host|content-length|transfer-encoding|connection|expect|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|te|trailer|upgrade)$/;

function endToEnd({ rawHeaders }: IncomingMessage): ReadMessage['headers'] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    pairs.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? '']);
  const named = pairs
    .filter(([name]) => name === 'connection')
    .flatMap(([, value]) =>
      value
        .toLowerCase()
        .split(',')
        .map((name) => name.trim()),
    );
  return pairs.filter(([name]) => !ofConnection.test(name) && !named.includes(name));
}
