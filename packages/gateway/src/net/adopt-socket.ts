import { Socket } from 'node:net';

/** A client's connection may have so much written that it has not taken, before its answer pauses. */
const unsentBytesMax = 32 * 1024;

/** Takes what came into the shared memory for reads. */
export type TakeRead = (bytes: Buffer, length: number) => void;

/**
 * Makes a connection read into memory that all share, instead of into new memory for each read: that saves a tenth of
 * what a request costs. Node offers it for connections that are opened only, so the accepted one gives its handle to
 * another socket; where it has none, as over TLS, it is read in the usual way.
 */
export function adoptSocket(accepted: Socket, readBuffer: Buffer, take: TakeRead): Socket {
  const handle: unknown = '_handle' in accepted ? accepted._handle : undefined;
  if ('encrypted' in accepted || !isTcpOrPipe(handle)) {
    accepted.on('data', (bytes: Buffer) => take(bytes, bytes.length));
    return accepted;
  }
  (accepted as { _handle?: unknown })._handle = null;
  accepted.destroy();
  const socket = new Socket({
    handle,
    writableHighWaterMark: unsentBytesMax,
    onread: {
      buffer: readBuffer,
      callback: (length: number, bytes: Buffer) => {
        take(bytes, length);
        return true;
      },
    },
  } as unknown as ConstructorParameters<typeof Socket>[0]);
  socket.resume();
  return socket;
}

function isTcpOrPipe(handle: unknown): boolean {
  return typeof handle === 'object' && handle !== null && 'readStart' in handle;
}
