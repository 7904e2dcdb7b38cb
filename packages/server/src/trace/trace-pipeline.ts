import {
  Assembly,
  type ConnectionHealth,
  decodeRunQueueEvent,
  decodeSocketEvent,
  decodeStampEvent,
  decodeTcpEvent,
  type Output,
  type RequestRecord,
  type SocketEvent,
  type Stamps,
  StampLedger,
  type TcpFigures,
  TcpLedger,
  WaitLedger,
} from '@millrace/probes';
import type { Attribution, Interval, Watch } from '@millrace/attribution';
import { hasSettled, kernelEvidence } from '../compose/kernel-evidence.ts';
import { explain, type WriteStamps } from '../compose/trace-evidence.ts';

/** A finished request with what its time went into. */
export interface TracedRequest {
  readonly record: RequestRecord;
  readonly attribution: Attribution;
  /** Undefined where its connection's TCP was not watched. */
  readonly tcp: TcpFigures | undefined;
}

interface PipelineOptions {
  readonly onRequest: (request: TracedRequest) => void;
  /** Which requests are told. */
  readonly isWanted: (record: RequestRecord) => boolean;
}

/** A finished request that is not told yet, and how often it was looked at. */
interface Waiting {
  readonly record: RequestRecord;
  looks: number;
}

/** Bounds of what waits for the rest of its evidence: requests, looks, and looks at one whose client has left. */
const bounds = { waitingMax: 4_096, looksMax: 100, looksAfterLeavingMax: 30_000, lossesMax: 1_024 };
const watches: Readonly<Record<string, Watch>> = { 'tcp-health': 'tcp', 'run-queue': 'scheduler' };

/** The pure part of a trace: records of probes in, explained requests out. The same for a live trace and a replay. */
export class TracePipeline {
  readonly #assembly: Assembly;
  readonly #options: PipelineOptions;
  readonly #ledger = new TcpLedger();
  readonly #waits = new WaitLedger();
  readonly #stamps = new StampLedger();
  readonly #processes = new Set<number>();
  readonly #watched = new Set<Watch>();
  #waiting: Waiting[] = [];
  #lost: Interval[] = [];
  #latestNs = 0;
  #lookedNs = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#assembly = new Assembly((record) => {
      if (options.isWanted(record)) this.#waiting.push({ record, looks: 0 });
    });
  }

  get openRequests(): number {
    return this.#assembly.counts.openRequests;
  }

  /** Requests that have finished and wait for the rest of their evidence. */
  get waitingRequests(): number {
    return this.#waiting.length;
  }

  /** Processes that have answered on a watched connection. */
  get processes(): ReadonlySet<number> {
    return this.#processes;
  }

  /** A probe is attached: what it does not tell did not happen. */
  watch(probe: string): void {
    const watch = watches[probe];
    if (watch !== undefined) this.#watched.add(watch);
  }

  /** A probe was turned off: what it does not tell may have happened all the same. */
  unwatch(probe: string): void {
    const watch = watches[probe];
    if (watch !== undefined) this.#watched.delete(watch);
  }

  /** Takes one record of a probe. Its bytes are not kept. */
  push(
    probe: string,
    view: DataView,
    place: { readonly offset: number; readonly byteLength: number },
  ): void {
    const { offset, byteLength } = place;
    if (probe === 'sockets' || probe === 'tls') {
      const event = decodeSocketEvent(view, offset, byteLength);
      if (event.kind === 'open') this.#processes.add(event.tgid);
      else if (event.kind === 'send' && probe === 'sockets') this.#takeSend(event);
      this.#assembly.push(event);
      this.#latestNs = Math.max(this.#latestNs, event.timeNs);
    } else if (probe === 'stamps') {
      const event = decodeStampEvent(view, offset, byteLength);
      this.#stamps.push(event);
      this.#latestNs = Math.max(this.#latestNs, event.timeNs);
    } else if (probe === 'tcp-health') {
      const event = decodeTcpEvent(view, offset, byteLength);
      this.#ledger.push(event);
      this.#latestNs = Math.max(this.#latestNs, event.timeNs);
    } else if (probe === 'run-queue') {
      const event = decodeRunQueueEvent(view, offset, byteLength);
      this.#waits.push(event);
      this.#latestNs = Math.max(this.#latestNs, event.endNs);
    }
  }

  #takeSend(event: SocketEvent): void {
    const { cookie, beginNs, timeNs, hasNoSpace, offset, result } = event;
    const endOffset = offset + Math.max(0, result);
    this.#ledger.pushSend(cookie, { beginNs, timeNs, hasNoSpace, endOffset });
  }

  /** A probe dropped events since the last flush. */
  noteLoss(probe: string): void {
    if (probe === 'sockets' || probe === 'tls') this.#assembly.noteLoss();
    else this.#lost.push({ startNs: this.#lookedNs, endNs: this.#latestNs });
    if (this.#lost.length > bounds.lossesMax) this.#lost = this.#lost.slice(-bounds.lossesMax / 2);
  }

  /**
   * Tells the requests that have finished and whose evidence has come; to be called when all that is known up to now has
   * been pushed. What was sent last is acknowledged later than it was sent, and a server may go on for a client that has
   * left, so that some wait for further flushes, within bounds.
   */
  flush(): void {
    const still: Waiting[] = [];
    const overflowing = this.#waiting.length - bounds.waitingMax;
    for (const [index, waiting] of this.#waiting.entries()) {
      waiting.looks++;
      if (index >= overflowing && this.#isWaiting(waiting)) still.push(waiting);
      else this.#tell(waiting.record);
    }
    this.#waiting = still;
    this.#lookedNs = this.#latestNs;
  }

  /** Ends what is under way and tells it. */
  close(): void {
    this.#assembly.close();
    for (const { record } of this.#waiting) this.#tell(record);
    this.#waiting = [];
  }

  #isWaiting({ record, looks }: Waiting): boolean {
    const health = this.#ledger.of(record.socketCookie ?? record.cookie);
    if (health === undefined || hasSettled(onSocket(record, health), health)) return false;
    return looks < (record.abandoned === undefined ? bounds.looksMax : bounds.looksAfterLeavingMax);
  }

  #tell(seen: RequestRecord): void {
    const health = this.#ledger.of(seen.socketCookie ?? seen.cookie);
    const record = onSocket(seen, health);
    const untilNs = Math.max(record.endNs, health?.releasedNs ?? 0);
    const sight = {
      health,
      waits: this.#waits.between(record.tgid, record.startNs, untilNs),
      lost: this.#lost,
      watched: [...this.#watched],
    };
    const evidence = kernelEvidence(record, sight);
    const own = ownStamps(record, this.#stamps);
    const stamps =
      own.size === 0
        ? evidence.stamps
        : (output: Output): WriteStamps | undefined => {
            const [known, exact] = [evidence.stamps?.(output), own.get(output.endOffset)];
            const isInOrder = (known?.ackedNs ?? Infinity) >= (exact?.sentNs ?? 0);
            return isInOrder ? { ...known, ...exact } : known;
          };
    const attribution = explain(record, stamps === undefined ? evidence : { ...evidence, stamps });
    this.#options.onRequest({
      record: seen,
      attribution,
      tcp: health?.figures(record.startNs, untilNs),
    });
  }
}

/** A request as its socket saw it: below TLS what was written is as long as it was encrypted, and goes out a moment later. */
function onSocket(record: RequestRecord, health: ConnectionHealth | undefined): RequestRecord {
  const { socketCookie: cookie } = record;
  if (cookie === undefined || health === undefined) return record;
  const outputs = record.outputs.map((output) => ({
    ...output,
    endOffset: health.sentAfter(output.beginNs || output.timeNs) ?? output.endOffset,
  }));
  return { ...record, cookie, outputs };
}

/**
 * The kernel's own stamps of writes, where they are in order and after the write began; what is made out from
 * acknowledgements is coarser.
 */
function ownStamps(record: RequestRecord, ledger: StampLedger): ReadonlyMap<number, Stamps> {
  const own = new Map<number, Stamps>();
  let earliestNs = record.startNs;
  for (const { beginNs, timeNs, endOffset } of record.outputs) {
    earliestNs = Math.max(earliestNs, beginNs === 0 ? timeNs : beginNs);
    const { queuedNs, sentNs } = ledger.of(record.cookie, endOffset) ?? {};
    if (queuedNs === undefined || sentNs === undefined) continue;
    if (earliestNs > queuedNs || queuedNs > sentNs) continue;
    own.set(endOffset, { queuedNs, sentNs });
  }
  return own;
}
