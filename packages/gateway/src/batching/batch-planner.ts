import { assertDefined } from '@millrace/stdx';

/** Bounds of merging requests. */
export interface BatchBounds {
  /** Inputs of one merged request; a request that has more goes alone. */
  readonly inputsMax: number;
  /** No request waits for others longer. */
  readonly delayMsMax: number;
  /** Bytes of the inputs of one merged request; a request that has more goes alone. */
  readonly bytesMax: number;
  /** Requests that wait at once; what comes beyond goes alone. */
  readonly waitingMax: number;
}

/** A request that may be merged with others of its key. */
export interface BatchMember {
  /** Requests of one key may be merged. */
  readonly key: string;
  readonly inputCount: number;
  readonly byteCount: number;
}

/** Requests to be sent as one, in the order in which they came. */
export type Batch<Member> = readonly Member[];

interface Window<Member> {
  readonly members: Member[];
  inputCount: number;
  byteCount: number;
  /** When the oldest member has waited long enough. */
  dueAtMs: number;
}

/** How arrivals of a key have come of late. */
interface Arrivals {
  lastAtMs: number;
  gapMs: number;
}

/** Share of the newest gap in the mean gap between arrivals. */
const newestShare = 0.2;
/** Keys whose arrivals are remembered; the one that was least recently met leaves. */
const keysMax = 1024;

/**
 * Decides which requests are merged, as Triton's dynamic batcher does: a batch is sent when it is full or when its
 * oldest member has waited for the longest delay. A request does not wait at all where, going by the arrivals of
 * late, no other is to be expected within that delay.
 */
export class BatchPlanner<Member extends BatchMember> {
  readonly #bounds: BatchBounds;
  readonly #windows = new Map<string, Window<Member>>();
  readonly #arrivals = new Map<string, Arrivals>();
  #waitingCount = 0;

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  /** Requests that wait. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** When `due` is to be asked next; undefined while nobody waits. */
  get nextDueAtMs(): number | undefined {
    let next: number | undefined;
    for (const { dueAtMs } of this.#windows.values())
      if (next === undefined || dueAtMs < next) next = dueAtMs;
    return next;
  }

  /** Takes a request; returns the batches that are to be sent at once, which may hold it or be without it. */
  add(member: Member, nowMs: number): readonly Batch<Member>[] {
    const isExpected = this.#noteArrival(member.key, nowMs);
    const { inputsMax, bytesMax, waitingMax, delayMsMax } = this.#bounds;
    const { key, inputCount, byteCount } = member;
    const waiting = this.#windows.get(key);
    if (inputCount >= inputsMax || byteCount >= bytesMax) return [[member]];
    if (waiting === undefined && (!isExpected || this.#waitingCount >= waitingMax))
      return [[member]];
    const batches: Batch<Member>[] = [];
    if (waiting !== undefined && !this.#fits(waiting, member)) batches.push(this.#take(key));
    if (this.#waitingCount >= waitingMax) return [...batches, [member]];
    const window = this.#windows.get(key) ?? {
      members: [],
      inputCount: 0,
      byteCount: 0,
      dueAtMs: nowMs + delayMsMax,
    };
    window.members.push(member);
    window.inputCount += inputCount;
    window.byteCount += byteCount;
    this.#waitingCount++;
    this.#windows.set(key, window);
    if (window.inputCount >= inputsMax || window.byteCount >= bytesMax)
      batches.push(this.#take(key));
    return batches;
  }

  /** Takes a request back; false when it does not wait here. */
  remove(member: Member): boolean {
    const window = this.#windows.get(member.key);
    const index = window?.members.indexOf(member) ?? -1;
    if (window === undefined || index === -1) return false;
    window.members.splice(index, 1);
    window.inputCount -= member.inputCount;
    window.byteCount -= member.byteCount;
    this.#waitingCount--;
    if (window.members.length === 0) this.#windows.delete(member.key);
    return true;
  }

  /** The batches whose oldest member has waited long enough. */
  due(nowMs: number): readonly Batch<Member>[] {
    const keys = [...this.#windows].flatMap(([key, { dueAtMs }]) =>
      dueAtMs <= nowMs ? [key] : [],
    );
    return keys.map((key) => this.#take(key));
  }

  #fits(window: Window<Member>, member: Member): boolean {
    const { inputsMax, bytesMax } = this.#bounds;
    return (
      window.inputCount + member.inputCount <= inputsMax &&
      window.byteCount + member.byteCount <= bytesMax
    );
  }

  #take(key: string): Batch<Member> {
    const { members } = assertDefined(this.#windows.get(key), 'a batch that is taken has members');
    this.#windows.delete(key);
    this.#waitingCount -= members.length;
    return members;
  }

  /** Whether another request of the key is to be expected within the longest delay. */
  #noteArrival(key: string, nowMs: number): boolean {
    const before = this.#arrivals.get(key);
    const gapMs = before === undefined ? Number.POSITIVE_INFINITY : nowMs - before.lastAtMs;
    const meanMs =
      before === undefined || !Number.isFinite(before.gapMs)
        ? gapMs
        : before.gapMs + newestShare * (gapMs - before.gapMs);
    // The newest is the last of the map, so that the first is the one to leave.
    this.#arrivals.delete(key);
    this.#arrivals.set(key, { lastAtMs: nowMs, gapMs: meanMs });
    if (this.#arrivals.size > keysMax) {
      for (const oldest of this.#arrivals.keys()) {
        this.#arrivals.delete(oldest);
        break;
      }
    }
    return Math.min(gapMs, meanMs) <= this.#bounds.delayMsMax;
  }
}
