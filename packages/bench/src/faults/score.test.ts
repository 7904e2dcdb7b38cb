import assert from 'node:assert/strict';
import test from 'node:test';
import type { Cause } from '@millrace/attribution';
import type { Judgement } from './judge-case.ts';
import { scoreTables } from './score-tables.ts';
import { named, scoreOf, wilson } from './score.ts';

function judged(
  fault: string,
  expected: readonly Cause[],
  found: readonly Cause[],
  discarded?: string,
): Judgement {
  return { fault, seed: 1, expected, found, discarded };
}

const cases: readonly Judgement[] = [
  judged('none', [], []),
  judged('none', [], ['engine']),
  judged('outage', ['net_rto'], ['net_rto', 'engine']),
  judged('outage', ['net_rto'], ['engine', 'net_rto']),
  judged('outage', ['net_rto'], ['unknown']),
  judged('outage', ['net_rto'], ['engine'], 'the fault did not come about'),
  judged('both', ['net_rto', 'engine'], ['engine', 'net_rto', 'unknown']),
  judged('both', ['net_rto', 'engine'], ['engine']),
];

test('a case is named by as many of its weightiest causes as it has faults', () => {
  assert.deepEqual(
    cases.map((one) => named(one)),
    [
      ['none'],
      ['engine'],
      ['net_rto'],
      ['engine'],
      ['unknown'],
      ['engine'],
      ['engine', 'net_rto'],
      ['engine'],
    ],
  );
});

test('right is a case in which exactly what was done is named, and discarded ones do not count', () => {
  const score = scoreOf(cases);
  assert.deepEqual([score.right.hits, score.right.of], [3, 7]);
  assert.deepEqual([score.abstained.hits, score.abstained.of], [1, 5]);
  assert.deepEqual([score.falseAlarms.hits, score.falseAlarms.of], [1, 2]);
  assert.deepEqual([...score.discarded], [['outage', 1]]);
});

test('precision and recall are of single causes', () => {
  const { causes } = scoreOf(cases);
  assert.deepEqual(
    causes.map(({ cause, precision, recall }) => [
      cause,
      precision.hits,
      precision.of,
      recall.hits,
      recall.of,
    ]),
    [
      ['engine', 2, 4, 2, 2],
      ['net_rto', 2, 2, 2, 5],
    ],
  );
});

test('tables have a row for each fault and one for each cause', () => {
  const tables = scoreTables('All', scoreOf(cases));
  assert.match(tables, /\| outage \| 1 \| +\| 1 \| +\| 1 \| 1 \|/);
  assert.match(tables, /\| net_rto \| 100\.0 % of 2 \[34\.2, 100\.0\] \| 40\.0 % of 5 /);
});

test('intervals are Wilson’s, also at the ends', () => {
  const rounded = ({ low, high }: { low: number; high: number }): readonly string[] => [
    low.toFixed(3),
    high.toFixed(3),
  ];
  // Wilson's interval of 8 of 10 and 0 of 10 at 95 %, as in Brown, Cai and DasGupta (2001).
  assert.deepEqual(rounded(wilson(8, 10)), ['0.490', '0.943']);
  assert.deepEqual(rounded(wilson(0, 10)), ['0.000', '0.278']);
  assert.deepEqual(rounded(wilson(10, 10)), ['0.722', '1.000']);
  assert.deepEqual(rounded(wilson(0, 0)), ['0.000', '1.000']);
});
