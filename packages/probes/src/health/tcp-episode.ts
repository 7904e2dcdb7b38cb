/** Something that TCP went through on a connection, as the stretch of time that it took. */
export type TcpEpisode =
  | {
      readonly kind: 'zero_window' | 'rwnd_limited' | 'sndbuf_limited';
      readonly startNs: number;
      readonly endNs: number;
    }
  | {
      readonly kind: 'local_queue' | 'write_blocked';
      readonly startNs: number;
      readonly endNs: number;
    }
  | {
      readonly kind: 'retransmit';
      /** By the timer, by duplicate acknowledgements, as a tail loss probe; or not needed, as the peer said later. */
      readonly trigger: 'rto' | 'fast' | 'tlp' | 'spurious';
      /** When the data had been sent first. */
      readonly startNs: number;
      readonly atNs: number;
      /** When it was acknowledged, or the last that is known of the connection. */
      readonly endNs: number;
    }
  | {
      readonly kind: 'peer_gone';
      readonly how: 'rst';
      readonly startNs: number;
      readonly endNs: number;
    };

/** When the bytes up to an offset of a connection were handed to the queue, and when they were acknowledged. */
export interface Passage {
  readonly queuedNs: number | undefined;
  readonly ackedNs: number | undefined;
}
