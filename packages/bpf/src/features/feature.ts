/** What this machine can do of one thing; `reason` says how that was found out, or why it was not. */
export interface Feature {
  readonly name: string;
  readonly answer: 'yes' | 'no' | 'inconclusive';
  readonly reason: string;
  /** The capability or kernel feature that would bring it, where it is lacking and that is known. */
  readonly needs?: string;
}
