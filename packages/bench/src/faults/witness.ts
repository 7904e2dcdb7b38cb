/** What the kernel's and the server's own counters say of what happened; none of it comes from the probes. */
export interface Witness {
  readonly timeouts: number;
  readonly tailProbes: number;
  readonly fastRetransmits: number;
  readonly zeroWindows: number;
  readonly blockedNs: number;
  readonly runDelayNs: number;
  readonly receiverLimitedNs: number;
  readonly throttledNs: number;
}
