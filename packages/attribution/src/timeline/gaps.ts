import type { Cover, Interval } from './interval.ts';
import type { OutputWrite, Timeline } from './timeline.ts';

/** `first` ends with the first piece, `last` begins with the last one. */
export type GapKind = 'first' | 'between' | 'last' | 'whole';

/** The time between two deliveries. The gaps of a request tile it without holes. */
export interface GapSpan extends Interval {
  readonly kind: GapKind;
}

/** Whose turn it is at each moment of a request. The first three tile it. */
export interface Phases {
  /** The next piece has not been written. */
  readonly serving: Cover;
  /** The server is in the call that writes it. */
  readonly writing: Cover;
  /** It was written and has not arrived. */
  readonly travelling: Cover;
  /** The last two together. */
  readonly sending: Cover;
}

/** The gaps of a request, from when each of its pieces was delivered. */
export function gapsOf(timeline: Timeline, deliveredNs: readonly number[]): readonly GapSpan[] {
  const { startNs, endNs } = timeline;
  const [firstNs, lastNs] = [deliveredNs[0], deliveredNs.at(-1)];
  if (firstNs === undefined || lastNs === undefined) return [{ kind: 'whole', startNs, endNs }];
  const gaps: GapSpan[] = [{ kind: 'first', startNs, endNs: firstNs }];
  for (const [index, fromNs] of deliveredNs.entries()) {
    const untilNs = deliveredNs[index + 1];
    if (untilNs !== undefined) gaps.push({ kind: 'between', startNs: fromNs, endNs: untilNs });
  }
  if (endNs > lastNs) gaps.push({ kind: 'last', startNs: lastNs, endNs });
  return gaps;
}

/** Divides a request's time into phases. */
export function phasesOf(
  timeline: Timeline,
  pieces: readonly OutputWrite[],
  deliveredNs: readonly number[],
): Phases {
  const serving: Stretch[] = [];
  const writing: Stretch[] = [];
  const travelling: Stretch[] = [];
  const sending: Stretch[] = [];
  let fromNs = timeline.startNs;
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as OutputWrite;
    const untilNs = deliveredNs[index] as number;
    const writeNs = within(piece.startNs, fromNs, untilNs);
    const writtenNs = within(piece.endNs, writeNs, untilNs);
    extend(serving, fromNs, writeNs);
    extend(writing, writeNs, writtenNs);
    extend(travelling, writtenNs, untilNs);
    extend(sending, writeNs, untilNs);
    fromNs = untilNs;
  }
  extend(serving, fromNs, timeline.endNs);
  return { serving, writing, travelling, sending };
}

type Stretch = { -readonly [Field in keyof Interval]: Interval[Field] };

/** Adds a stretch that begins no earlier than those of a cover. */
function extend(cover: Stretch[], startNs: number, endNs: number): void {
  if (startNs >= endNs) return;
  const last = cover.at(-1);
  if (last !== undefined && startNs <= last.endNs) last.endNs = Math.max(last.endNs, endNs);
  else cover.push({ startNs, endNs });
}

function within(valueNs: number, lowNs: number, highNs: number): number {
  return Math.min(Math.max(valueNs, lowNs), highNs);
}
