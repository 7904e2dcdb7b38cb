import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What a client saw of one streamed answer. Times are nanoseconds of the monotonic clock. */
export interface SeenAnswer {
  readonly sentNs: number;
  /** When each piece with content came. */
  readonly contentNs: readonly number[];
}

const endMark = Buffer.from('\r\n0\r\n\r\n');
const quote = 0x22;
const contentMark = Buffer.from('"content":"');

/** A client with one connection that it keeps, and no HTTP library between its clock and the socket. */
export class StreamClient implements Disposable {
  readonly #socket: Socket;
  readonly #request: Buffer;

  private constructor(socket: Socket, request: Buffer) {
    this.#socket = socket;
    this.#request = request;
  }

  static async connect(port: number, body: unknown): Promise<StreamClient> {
    const text = JSON.stringify(body);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'connect');
    return new StreamClient(socket, Buffer.from(head + text));
  }

  /** Asks, and waits for the answer's end. */
  ask(): Promise<SeenAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<SeenAnswer>();
    const contentNs: number[] = [];
    let tail = Buffer.alloc(0);
    const settle = (): void => {
      this.#socket.off('data', take).off('error', reject).off('close', cut);
    };
    const cut = (): void => reject(new Error('the server closed the connection within an answer'));
    const take = (bytes: Buffer): void => {
      const nowNs = Number(process.hrtime.bigint());
      if (hasContent(bytes)) contentNs.push(nowNs);
      tail = Buffer.concat([tail, bytes]).subarray(-endMark.length);
      if (!tail.equals(endMark)) return;
      settle();
      resolve({ sentNs, contentNs });
    };
    this.#socket.on('data', take).on('error', reject).on('close', cut);
    const sentNs = Number(process.hrtime.bigint());
    this.#socket.write(this.#request);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** Engines open a stream with an event whose content is empty. */
function hasContent(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(contentMark); at !== -1; at = bytes.indexOf(contentMark, at + 1))
    if (bytes[at + contentMark.length] !== quote) return true;
  return false;
}
