/** What TCP did on a connection during one request. On HTTP/2 other requests of the connection share it. */
export interface TcpFigures {
  /** The smoothed round-trip time as the last acknowledgement of the request found it; undefined where none was seen. */
  readonly srttUs: number | undefined;
  /** Segments that were sent again, by what made TCP do it; `spurious` ones the peer had already. */
  readonly retransmits: {
    readonly rto: number;
    readonly fast: number;
    readonly tlp: number;
    readonly spurious: number;
  };
  /** How often the peer's window closed, and for how long in all. */
  readonly zeroWindows: number;
  readonly zeroWindowNs: number;
}
