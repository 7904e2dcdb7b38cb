import { firstIndex } from '@millrace/stdx';
import type { SocketEvent } from '../decoders/socket-event.ts';
import type { TcpEvent, TcpLimit } from '../decoders/tcp-event.ts';
import type { Passage, TcpEpisode } from './tcp-episode.ts';
import type { TcpFigures } from './tcp-figures.ts';

/** What an acknowledgement showed. `sent` is how far it was before TCP answered it. */
interface Sample {
  readonly timeNs: number;
  readonly acked: number;
  readonly sent: number;
  readonly written: number;
  readonly window: number;
  readonly duplicates: number;
  readonly srttUs: number;
}

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
  #samples: Sample[] = [];
  #segments: Segment[] = [];
  #episodes: TcpEpisode[] = [];
  #limits: Limit[] = [];
  #zeroSinceNs: number | undefined;
  #lastNs = 0;
  #releasedNs: number | undefined;
  /** Since when the socket takes no more, as far as the last send told. */
  #fullSinceNs: number | undefined;
  /** When sends ended, and where: only of connections below TLS is that asked for. */
  #sends: { readonly timeNs: number; readonly endOffset: number }[] = [];

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
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
    this.#sends.push({ timeNs, endOffset });
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
    return this.#samples[this.#firstAfter(timeNs)]?.written;
  }

  /** Where the first send ended that was over after a moment: what was encrypted then is in it. */
  sentAfter(timeNs: number): number | undefined {
    return this.#sends[firstIndex(this.#sends, (send) => send.timeNs >= timeNs)]?.endOffset;
  }

  /** How the bytes before `offset` went, if they were written at `writtenNs`. */
  passageOf(offset: number, writtenNs: number): Passage {
    const first = this.#firstAfter(writtenNs);
    let queuedNs = writtenNs;
    for (let index = first; index < this.#samples.length; index++) {
      const sample = this.#samples[index];
      if (sample === undefined) break;
      if (sample.acked >= offset) return { queuedNs, ackedNs: sample.timeNs };
      // It was not sent before this acknowledgement, so that at the earliest the answer to it sent it.
      if (sample.sent < offset) queuedNs = sample.timeNs;
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
    const last = this.#samples[this.#firstAfter(endNs) - 1];
    const srttUs = last === undefined || last.timeNs < startNs ? undefined : last.srttUs;
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
    const { timeNs, acked, sent, written, window, duplicates, srttUs } = event;
    const kind = this.#lacksRoom(event) ? 'rwnd_limited' : limitKinds[event.limit];
    if (kind !== undefined) this.#limit(kind, event);
    if (window === 0) this.#zeroSinceNs ??= timeNs;
    else if (this.#zeroSinceNs !== undefined) {
      this.#note('zero_window', this.#zeroSinceNs, timeNs);
      this.#zeroSinceNs = undefined;
    }
    this.#samples.push({ timeNs, acked, sent, written, window, duplicates, srttUs });
  }

  /** Data waited to be sent, and what the peer had allowed left less room than it or a segment needs. */
  #lacksRoom({ sent, written }: TcpEvent): boolean {
    const previous = this.#samples.at(-1);
    if (previous === undefined || written <= sent) return false;
    const room = previous.acked + previous.window - sent;
    return room < Math.min(written - sent, segmentBytes);
  }

  /** With nothing in flight nothing is limited: then it began with the next byte that was written. */
  #limit(kind: Limit['kind'], { timeNs: endNs, srttUs }: TcpEvent): void {
    const previous = this.#samples.at(-1);
    if (previous === undefined) return;
    const wasIdle = previous.acked >= previous.written;
    const last = this.#limits.at(-1);
    if (last?.kind === kind && last.endNs === previous.timeNs && !wasIdle) {
      this.#limits[this.#limits.length - 1] = { ...last, endNs };
      return;
    }
    const startNs = wasIdle ? Math.max(previous.timeNs, endNs - srttUs * 1_000) : previous.timeNs;
    const begin = wasIdle ? { leastNs: previous.timeNs, offset: previous.written } : undefined;
    this.#limits.push({ kind, startNs, endNs, begin });
  }

  #retransmit(event: TcpEvent): void {
    const { timeNs: atNs, segmentBegin: begin, segmentEnd: end, duplicates } = event;
    this.#segments.push({ atNs, begin, end, trigger: triggerOf(event), duplicates });
  }

  #recovery(segment: Segment, sentNs: (offset: number) => number | undefined): TcpEpisode {
    const { atNs, begin, end, trigger } = segment;
    const index = this.#firstAfter(atNs);
    const acknowledged = this.#samples.slice(index).find(({ acked }) => acked >= end);
    const endNs = acknowledged?.timeNs ?? Math.max(this.#lastNs, atNs);
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
    const later = this.#samples
      .slice(this.#firstAfter(atNs))
      .filter(({ timeNs }) => timeNs <= untilNs);
    return (later.at(-1)?.duplicates ?? duplicates) - duplicates >= Math.max(1, together.length);
  }

  /** The socket had room at the latest when all was acknowledged; that the server wrote later is its own. */
  #noteBlocked(beginNs: number, timeNs: number): void {
    const empty = this.#samples
      .slice(this.#firstAfter(beginNs))
      .find(({ acked, written }) => acked >= written);
    this.#note('write_blocked', beginNs, Math.min(empty?.timeNs ?? timeNs, timeNs));
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
    return firstIndex(this.#samples, (sample) => sample.timeNs > timeNs);
  }

  /** A quarter at once, so that forgetting costs little for each event. */
  #forget(): void {
    const most = this.#samplesMax;
    if (this.#sends.length > most) this.#sends = this.#sends.slice(-Math.ceil(most * 0.75));
    if (this.#samples.length > most) this.#samples = this.#samples.slice(-Math.ceil(most * 0.75));
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
