import type { Cause } from '@millrace/attribution';
import type { Judgement } from './judge-case.ts';

/** A share of cases with the interval in which it lies with 95 % confidence (Wilson 1927). */
export interface Share {
  readonly hits: number;
  readonly of: number;
  readonly low: number;
  readonly high: number;
}

/** How well one cause is found. */
export interface CauseScore {
  readonly cause: Cause;
  /** Of the cases in which it was named, those that had it. */
  readonly precision: Share;
  /** Of the cases that had it, those in which it was named. */
  readonly recall: Share;
}

/** All cases of a run against what was done in them. */
export interface Score {
  readonly right: Share;
  readonly abstained: Share;
  /** Runs without a fault in which a stall was told. */
  readonly falseAlarms: Share;
  readonly causes: readonly CauseScore[];
  /** Rows by fault, columns by what was named; how many cases. */
  readonly confusion: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly discarded: ReadonlyMap<string, number>;
}

const abstentions: ReadonlySet<string> = new Set(['unknown', 'incomplete']);
const normalQuantile = 1.959_964;

/** What a case is named: as many of its weightiest causes as it has faults, at least one; `none` without a stall. */
export function named({ expected, found }: Judgement): readonly string[] {
  const names = found.slice(0, Math.max(1, expected.length));
  return names.length === 0 ? ['none'] : names;
}

/** Right is a case in which exactly what was done is named; discarded cases do not count. */
export function scoreOf(judgements: readonly Judgement[]): Score {
  const valid = judgements.filter(({ discarded }) => discarded === undefined);
  const withFault = valid.filter(({ expected }) => expected.length > 0);
  const without = valid.filter(({ expected }) => expected.length === 0);
  return {
    right: shareOf(valid, isRight),
    abstained: shareOf(withFault, isAbstention),
    falseAlarms: shareOf(without, ({ found }) => found.length > 0),
    causes: causesOf(valid).map((cause) => ({
      cause,
      precision: shareOf(
        valid.filter((one) => named(one).includes(cause)),
        ({ expected }) => expected.includes(cause),
      ),
      recall: shareOf(
        valid.filter(({ expected }) => expected.includes(cause)),
        (one) => named(one).includes(cause),
      ),
    })),
    confusion: countBy(valid, (one) => named(one).toSorted().join(' + ')),
    discarded: new Map(
      Array.from(
        countBy(
          judgements.filter(({ discarded }) => discarded !== undefined),
          () => '',
        ),
        ([fault, row]) => [fault, row.get('') ?? 0],
      ),
    ),
  };
}

/** The Wilson interval of a share, which also holds where it is 0 or 1. */
export function wilson(hits: number, of: number): Share {
  if (of === 0) return { hits, of, low: 0, high: 1 };
  const share = hits / of;
  const z2 = normalQuantile ** 2;
  const center = (share + z2 / (2 * of)) / (1 + z2 / of);
  const spread =
    (normalQuantile / (1 + z2 / of)) * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of * of));
  return { hits, of, low: Math.max(0, center - spread), high: Math.min(1, center + spread) };
}

function isRight(one: Judgement): boolean {
  const names = named(one);
  if (one.expected.length === 0) return names[0] === 'none';
  return (
    names.length === one.expected.length && one.expected.every((cause) => names.includes(cause))
  );
}

function isAbstention(one: Judgement): boolean {
  return named(one).some((name) => abstentions.has(name));
}

function shareOf(cases: readonly Judgement[], isHit: (one: Judgement) => boolean): Share {
  return wilson(cases.filter(isHit).length, cases.length);
}

function causesOf(cases: readonly Judgement[]): readonly Cause[] {
  return [...new Set(cases.flatMap(({ expected }) => expected))].toSorted();
}

function countBy(
  cases: readonly Judgement[],
  columnOf: (one: Judgement) => string,
): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const rows = new Map<string, Map<string, number>>();
  for (const one of cases) {
    const row = rows.get(one.fault) ?? new Map<string, number>();
    rows.set(one.fault, row);
    row.set(columnOf(one), (row.get(columnOf(one)) ?? 0) + 1);
  }
  return rows;
}
