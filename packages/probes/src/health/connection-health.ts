import type { SocketEvent } from '../decoders/socket-event.ts';
import type { TcpEvent, TcpLimit } from '../decoders/tcp-event.ts';
import { NumberTable } from './number-table.ts';
import type { Passage, TcpEpisode } from './tcp-episode.ts';
import type { TcpFigures } from './tcp-figures.ts';

/** Columns of what acknowledgements showed. `sent` is how far it was before TCP answered it. */
const sample = {
  timeNs: 0,
  acked: 1,
  sent: 2,
  written: 3,
  window: 4,
  duplicates: 5,
  srttUs: 6,
} as const;
/** Columns of sends: when they ended, and where. */
const sending = { timeNs: 0, endOffset: 1 } as const;

/** When a send began (0 where that is not known) and ended, and whether it left the socket without room. */
export type Send = Pick<SocketEvent, 'beginNs' | 'timeNs' | 'hasNoSpace'> & {
  /** Bytes that had been sent on the connection after it. */
  readonly endOffset: number;
};

interface Segment {
  readonly atNs: number;
  readonly begin: number;
  readonly end: number;
  readonly trigger: 'rto' | 'fast' | 'tlp';
  readonly duplicates: number;
}

/** What a segment holds on most ways (Ethernet, IPv4). */
const segmentBytes = 1_460;
/** Shorter sends did not sleep. */
const blockedNsMin = 200_000;
const recoveryState = 3;
const lossState = 4;
/** A stretch in which TCP was limited; after an idle time it began with the write of a byte. */
interface Limit {
  readonly kind: 'rwnd_limited' | 'sndbuf_limited';
  readonly startNs: number;
  readonly endNs: number;
  readonly begin: { readonly leastNs: number; readonly offset: number } | undefined;
}

const limitKinds: Readonly<Partial<Record<TcpLimit, Limit['kind']>>> = {
  'peer-window': 'rwnd_limited',
  'send-buffer': 'sndbuf_limited',
};
/** After a needless retransmission is acknowledged, how long until the peer's word of it may come. */
const duplicateNsMax = 300_000_000;

/** The account of one connection's TCP. What is older than its bounds is forgotten first. */
export class ConnectionHealth {
  readonly #samplesMax: number;
  readonly #samples: NumberTable;
  #segments: Segment[] = [];
  #episodes: TcpEpisode[] = [];
  #limits: Limit[] = [];
  #zeroSinceNs: number | undefined;
  #lastNs = 0;
  #releasedNs: number | undefined;
  /** Since when the socket takes no more, as far as the last send told. */
  #fullSinceNs: number | undefined;
  /** Only of connections below TLS is that asked for. */
  readonly #sends: NumberTable;

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
    this.#samples = new NumberTable(Object.keys(sample).length, samplesMax);
    this.#sends = new NumberTable(Object.keys(sending).length, samplesMax);
  }

  /** When the server let go of the connection. */
  get releasedNs(): number | undefined {
    return this.#releasedNs;
  }

  /** When the last that is known of it was told. */
  get latestNs(): number {
    return this.#lastNs;
  }

  take(event: TcpEvent): void {
    if (event.kind === 'ack') this.#acknowledge(event);
    else if (event.kind === 'retransmit') this.#retransmit(event);
    else if (event.kind === 'queued') this.#note('local_queue', event.beginNs, event.timeNs);
    else if (event.kind === 'blocked') this.#noteBlocked(event.beginNs, event.timeNs);
    else if (event.kind === 'reset') {
      const { timeNs } = event;
      this.#episodes.push({ kind: 'peer_gone', how: 'rst', startNs: timeNs, endNs: timeNs });
    } else this.#release(event.timeNs);
    this.#lastNs = Math.max(this.#lastNs, event.timeNs);
    this.#forget();
  }

  /** Takes a send of the sockets probe: one that slept, or that left the socket without room until the next. */
  takeSend({ beginNs, timeNs, hasNoSpace, endOffset }: Send): void {
    const row = this.#sends.add();
    this.#sends.set(row, sending.timeNs, timeNs);
    this.#sends.set(row, sending.endOffset, endOffset);
    const startNs = beginNs === 0 ? timeNs : beginNs;
    this.#endFull(startNs);
    if (timeNs - startNs >= blockedNsMin) this.#noteBlocked(startNs, timeNs);
    if (!hasNoSpace) return;
    this.#fullSinceNs = timeNs;
    // Records of TCP are often read before those of sends.
    if (this.#releasedNs !== undefined) this.#endFull(this.#releasedNs);
  }

  /** Bytes that had been written by the first acknowledgement after a moment. */
  writtenAfter(timeNs: number): number | undefined {
    const row = this.#firstAfter(timeNs);
    return row < this.#samples.length ? this.#samples.at(row, sample.written) : undefined;
  }

  /** Where the first send ended that was over after a moment: what was encrypted then is in it. */
  sentAfter(timeNs: number): number | undefined {
    // Times are whole nanoseconds.
    const row = this.#sends.firstAbove(sending.timeNs, timeNs - 1);
    return row < this.#sends.length ? this.#sends.at(row, sending.endOffset) : undefined;
  }

  /** How the bytes before `offset` went, if they were written at `writtenNs`. */
  passageOf(offset: number, writtenNs: number): Passage {
    const samples = this.#samples;
    let queuedNs = writtenNs;
    for (let row = this.#firstAfter(writtenNs); row < samples.length; row++) {
      const timeNs = samples.at(row, sample.timeNs);
      if (samples.at(row, sample.acked) >= offset) return { queuedNs, ackedNs: timeNs };
      // It was not sent before this acknowledgement, so that at the earliest the answer to it sent it.
      if (samples.at(row, sample.sent) < offset) queuedNs = timeNs;
    }
    return { queuedNs, ackedNs: undefined };
  }

  /** Everything between two moments. `sentNs` tells when the byte after an offset had been written. */
  episodes(
    startNs: number,
    endNs: number,
    sentNs: (offset: number) => number | undefined,
  ): readonly TcpEpisode[] {
    const zero: readonly TcpEpisode[] =
      this.#zeroSinceNs === undefined
        ? []
        : [
            {
              kind: 'zero_window',
              startNs: this.#zeroSinceNs,
              endNs: Math.max(endNs, this.#zeroSinceNs),
            },
          ];
    const recoveries = this.#segments.map((segment) => this.#recovery(segment, sentNs));
    const limits = this.#limits.map(({ kind, startNs, endNs: untilNs, begin }): TcpEpisode => {
      const writtenNs = begin === undefined ? undefined : sentNs(begin.offset);
      if (begin === undefined || writtenNs === undefined) return { kind, startNs, endNs: untilNs };
      const sinceNs = Math.min(Math.max(begin.leastNs, writtenNs), untilNs);
      return { kind, startNs: sinceNs, endNs: untilNs };
    });
    return [...this.#episodes, ...limits, ...zero, ...recoveries].filter(
      (episode) => episode.startNs <= endNs && episode.endNs >= startNs,
    );
  }

  /** The figures of a stretch of time: what began within it. */
  figures(startNs: number, endNs: number): TcpFigures {
    const retransmits = { rto: 0, fast: 0, tlp: 0, spurious: 0 };
    let [zeroWindows, zeroWindowNs] = [0, 0];
    for (const episode of this.episodes(startNs, endNs, () => undefined)) {
      if (episode.kind === 'retransmit') {
        if (episode.atNs >= startNs && episode.atNs <= endNs) retransmits[episode.trigger]++;
      } else if (episode.kind === 'zero_window') {
        zeroWindows++;
        zeroWindowNs += Math.min(episode.endNs, endNs) - Math.max(episode.startNs, startNs);
      }
    }
    const last = this.#firstAfter(endNs) - 1;
    const isWithin = last >= 0 && this.#samples.at(last, sample.timeNs) >= startNs;
    const srttUs = isWithin ? this.#samples.at(last, sample.srttUs) : undefined;
    return { srttUs, retransmits, zeroWindows, zeroWindowNs };
  }

  #release(timeNs: number): void {
    this.#releasedNs = timeNs;
    this.#endFull(timeNs);
  }

  #endFull(timeNs: number): void {
    const sinceNs = this.#fullSinceNs;
    this.#fullSinceNs = undefined;
    if (sinceNs !== undefined && timeNs - sinceNs >= blockedNsMin)
      this.#noteBlocked(sinceNs, timeNs);
  }

  #acknowledge(event: TcpEvent): void {
    const { timeNs, window } = event;
    const kind = this.#lacksRoom(event) ? 'rwnd_limited' : limitKinds[event.limit];
    if (kind !== undefined) this.#limit(kind, event);
    if (window === 0) this.#zeroSinceNs ??= timeNs;
    else if (this.#zeroSinceNs !== undefined) {
      this.#note('zero_window', this.#zeroSinceNs, timeNs);
      this.#zeroSinceNs = undefined;
    }
    const row = this.#samples.add();
    this.#samples.set(row, sample.timeNs, timeNs);
    this.#samples.set(row, sample.acked, event.acked);
    this.#samples.set(row, sample.sent, event.sent);
    this.#samples.set(row, sample.written, event.written);
    this.#samples.set(row, sample.window, window);
    this.#samples.set(row, sample.duplicates, event.duplicates);
    this.#samples.set(row, sample.srttUs, event.srttUs);
  }

  /** Data waited to be sent, and what the peer had allowed left less room than it or a segment needs. */
  #lacksRoom({ sent, written }: TcpEvent): boolean {
    const last = this.#samples.length - 1;
    if (last < 0 || written <= sent) return false;
    const room =
      this.#samples.at(last, sample.acked) + this.#samples.at(last, sample.window) - sent;
    return room < Math.min(written - sent, segmentBytes);
  }

  /** With nothing in flight nothing is limited: then it began with the next byte that was written. */
  #limit(kind: Limit['kind'], { timeNs: endNs, srttUs }: TcpEvent): void {
    const samples = this.#samples;
    const previous = samples.length - 1;
    if (previous < 0) return;
    const previousNs = samples.at(previous, sample.timeNs);
    const wasIdle = samples.at(previous, sample.acked) >= samples.at(previous, sample.written);
    const last = this.#limits.at(-1);
    if (last?.kind === kind && last.endNs === previousNs && !wasIdle) {
      this.#limits[this.#limits.length - 1] = { ...last, endNs };
      return;
    }
    const startNs = wasIdle ? Math.max(previousNs, endNs - srttUs * 1_000) : previousNs;
    const offset = samples.at(previous, sample.written);
    const begin = wasIdle ? { leastNs: previousNs, offset } : undefined;
    this.#limits.push({ kind, startNs, endNs, begin });
  }

  #retransmit(event: TcpEvent): void {
    const { timeNs: atNs, segmentBegin: begin, segmentEnd: end, duplicates } = event;
    this.#segments.push({ atNs, begin, end, trigger: triggerOf(event), duplicates });
  }

  #recovery(segment: Segment, sentNs: (offset: number) => number | undefined): TcpEpisode {
    const { atNs, begin, end, trigger } = segment;
    const endNs =
      this.#firstTimeNs(atNs, (row) => this.#samples.at(row, sample.acked) >= end) ??
      Math.max(this.#lastNs, atNs);
    const isSpurious = this.#wasNeedless(segment, endNs);
    return {
      kind: 'retransmit',
      trigger: isSpurious ? 'spurious' : trigger,
      startNs: Math.min(sentNs(begin) ?? atNs, atNs),
      atNs,
      endNs,
    };
  }

  /** Of what was sent again together, all of it was needless if the peer had as many of them already. */
  #wasNeedless({ atNs, duplicates }: Segment, endNs: number): boolean {
    const untilNs = endNs + duplicateNsMax;
    const together = this.#segments.filter((other) => other.atNs >= atNs && other.atNs <= endNs);
    const last = this.#firstAfter(untilNs) - 1;
    const latest =
      last >= this.#firstAfter(atNs) ? this.#samples.at(last, sample.duplicates) : duplicates;
    return latest - duplicates >= Math.max(1, together.length);
  }

  /** The socket had room at the latest when all was acknowledged; that the server wrote later is its own. */
  #noteBlocked(beginNs: number, timeNs: number): void {
    const samples = this.#samples;
    const emptyNs = this.#firstTimeNs(
      beginNs,
      (row) => samples.at(row, sample.acked) >= samples.at(row, sample.written),
    );
    this.#note('write_blocked', beginNs, Math.min(emptyNs ?? timeNs, timeNs));
  }

  #note(
    kind: 'zero_window' | 'local_queue' | 'write_blocked',
    startNs: number,
    endNs: number,
  ): void {
    const last = this.#episodes.at(-1);
    if (last?.kind === kind && last.endNs === startNs) {
      this.#episodes[this.#episodes.length - 1] = { kind, startNs: last.startNs, endNs };
    } else this.#episodes.push({ kind, startNs, endNs });
  }

  #firstAfter(timeNs: number): number {
    return this.#samples.firstAbove(sample.timeNs, timeNs);
  }

  /** When the first acknowledgement after a moment came that passes. */
  #firstTimeNs(afterNs: number, passes: (row: number) => boolean): number | undefined {
    for (let row = this.#firstAfter(afterNs); row < this.#samples.length; row++)
      if (passes(row)) return this.#samples.at(row, sample.timeNs);
    return undefined;
  }

  /** A quarter at once, so that forgetting costs little for each event. */
  #forget(): void {
    const most = this.#samplesMax;
    if (this.#segments.length > most)
      this.#segments = this.#segments.slice(-Math.ceil(most * 0.75));
    if (this.#limits.length > most) this.#limits = this.#limits.slice(-Math.ceil(most * 0.75));
    if (this.#episodes.length > most)
      this.#episodes = this.#episodes.slice(-Math.ceil(most * 0.75));
  }
}

/** In the state of loss only the timer has put TCP; in recovery duplicate acknowledgements; else it is a probe. */
function triggerOf({ congestion }: TcpEvent): Segment['trigger'] {
  if (congestion === lossState) return 'rto';
  return congestion === recoveryState ? 'fast' : 'tlp';
}
