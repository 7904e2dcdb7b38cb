/** Counts gRPC's messages in a stream of DATA: five bytes of head, the last four their length. */
export class GrpcMessageCounter {
  count = 0;
  #headLength = 0;
  #bodyLength = 0;
  #left = 0;

  feed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, bytes.length - at);
        at += count;
        this.#take(count);
        continue;
      }
      const byte = bytes[at++] as number;
      this.#bodyLength = this.#headLength === 0 ? 0 : this.#bodyLength * 256 + byte;
      this.#headLength++;
      if (this.#headLength < 5) continue;
      this.#headLength = 0;
      this.#left = this.#bodyLength;
      if (this.#left === 0) this.count++;
    }
  }

  /** Passes over bytes; answers false when they were not all of one message. */
  skip(count: number): boolean {
    if (count > this.#left) return false;
    this.#take(count);
    return true;
  }

  #take(count: number): void {
    this.#left -= count;
    if (this.#left === 0) this.count++;
  }
}

const [cancelled, unknown, permissionDenied, resourceExhausted, unimplemented] = [1, 2, 7, 8, 12];
const [internal, unavailable, unauthenticated] = [13, 14, 16];

/** The status that a reset of a stream stands for; by the server's mouth (gRPC over HTTP/2, "Errors"). */
export function grpcStatusOfReset(code: number): number {
  const byCode: Readonly<Record<number, number>> = {
    7: unavailable,
    8: cancelled,
    11: resourceExhausted,
    12: permissionDenied,
  };
  return byCode[code] ?? (code <= 10 ? internal : unknown);
}

/** The status that an HTTP status stands for where an answer has no grpc-status (gRPC, "HTTP to gRPC Status Code Mapping"). */
export function grpcStatusOfHttp(status: number): number {
  const byStatus: Readonly<Record<number, number>> = {
    400: internal,
    401: unauthenticated,
    403: permissionDenied,
    404: unimplemented,
    429: unavailable,
    431: internal,
    502: unavailable,
    503: unavailable,
    504: unavailable,
  };
  return byStatus[status] ?? unknown;
}

/** The status of a stream that a GOAWAY says was not taken up. */
export const grpcStatusOfGoAway = 14;
