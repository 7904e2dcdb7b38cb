/** Whose connection it is. What is not known yet is filled in as it is learnt. */
export interface ConnectionPlace {
  readonly cookie: number;
  /** The socket below a session of TLS. */
  socketCookie: number | undefined;
  tgid: number;
  localAddress: string;
  localPort: number;
  peerAddress: string;
  peerPort: number;
}

/** One receive or send, as far as time goes. */
export interface Operation {
  readonly timeNs: number;
  readonly beginNs: number;
  readonly tid: number;
  /** Bytes of this direction that had passed when it was done. */
  readonly endOffset: number;
}
