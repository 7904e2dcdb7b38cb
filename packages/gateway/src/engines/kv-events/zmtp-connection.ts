import { connect, type Socket } from 'node:net';
import type { Clock } from '@millrace/stdx';
import { GatewayError } from '../../errors.ts';
import {
  commandFrame,
  greeting,
  messageFrames,
  readyCommand,
  type ZmtpBounds,
  type ZmtpItem,
  ZmtpReader,
} from './zmtp-codec.ts';

/** Where a ZeroMQ peer listens: `tcp://host:port` or `ipc:///path`. */
export type ZmtpAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** What a connection needs, and whom it tells. */
export interface ZmtpConnectionOptions {
  readonly address: ZmtpAddress;
  readonly socketType: 'SUB' | 'DEALER';
  readonly clock: Clock;
  readonly bounds: ZmtpBounds;
  /** From connecting until the peer is ready. */
  readonly handshakeMsMax: number;
  readonly onReady: () => void;
  readonly onMessage: (frames: readonly Buffer[]) => void;
  /** The last call, with the reason. */
  readonly onEnd: (reason: string) => void;
}

/** Reads an address; throws `GATEWAY_ZMTP_INVALID` for one of another form. */
export function zmtpAddress(text: string): ZmtpAddress {
  const tcp = /^tcp:\/\/(\[[0-9a-f:.]+\]|[^:/[\]]+):(\d{1,5})$/i.exec(text);
  const ipc = /^ipc:\/\/(\/.+)$/.exec(text);
  if (ipc?.[1] !== undefined) return { path: ipc[1] };
  const port = Number(tcp?.[2]);
  if (tcp?.[1] !== undefined && port > 0 && port <= 65_535)
    return { host: tcp[1].replace(/^\[(.*)\]$/, '$1'), port };
  throw new GatewayError(
    `${JSON.stringify(text)} is no tcp://host:port and no ipc:///path of a ZeroMQ socket`,
    { code: 'GATEWAY_ZMTP_INVALID' },
  );
}

/** One connection to a ZeroMQ peer, as a subscriber or a dealer. It does not come back by itself. */
export class ZmtpConnection implements Disposable {
  readonly #options: ZmtpConnectionOptions;
  readonly #socket: Socket;
  readonly #reader: ZmtpReader;
  #isReady = false;
  #isOver = false;

  constructor(options: ZmtpConnectionOptions) {
    this.#options = options;
    this.#reader = new ZmtpReader(options.bounds);
    this.#socket = connect({ ...options.address, noDelay: true });
    const timer = options.clock.after(options.handshakeMsMax, () => {
      if (!this.#isReady) this.#end(`it was not ready within ${options.handshakeMsMax} ms`);
    });
    this.#socket.once('connect', () => this.#socket.write(greeting()));
    this.#socket.on('data', (piece: Buffer) => this.#take(piece));
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.once('close', () => {
      timer.cancel();
      this.#end('it closed the connection');
    });
  }

  send(frames: readonly Buffer[]): void {
    this.#socket.write(messageFrames(frames));
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #take(piece: Buffer): void {
    try {
      for (const item of this.#reader.push(piece)) if (!this.#isOver) this.#handle(item);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#end(error.message);
    }
  }

  #handle(item: ZmtpItem): void {
    const { socketType, onReady, onMessage } = this.#options;
    if (item.kind === 'greeting') this.#socket.write(readyCommand(socketType));
    else if (item.kind === 'message') onMessage(item.frames);
    else if (item.name === 'READY') {
      this.#isReady = true;
      onReady();
    } else if (item.name === 'PING') {
      // Two bytes say how long the peer waits; the rest comes back to it.
      this.#socket.write(commandFrame('PONG', item.body.subarray(2)));
    } else if (item.name === 'ERROR') this.#end(`it refused: ${item.body.toString('latin1', 1)}`);
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.#options.onEnd(reason);
  }
}
