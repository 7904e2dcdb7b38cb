import { type Figure, type Goal, median } from '../report/report.ts';
import { goalAtLeast, goalAtMost } from './goal.ts';

/** The loads that have goals, as figures name them. */
export const goalLoads = {
  unary: 'unary 1 KB, saturated',
  large: 'unary 400 KB, saturated',
  steady: 'unary 1 KB, 1,000/s',
  streams: 'streams of 128 events, 5 ms apart',
  tls: 'unary 1 KB, TLS to upstream',
  many: '10,000 streams of 16 events, 1 s apart',
  idle: '10,000 idle streams',
} as const;

/** The figures that have goals. */
export const goalFigures = {
  cpu: 'CPU of the proxy, µs each',
  perSecond: 'each second',
  p50: 'latency p50, µs',
  p99: 'latency p99, µs',
  errors: 'errors',
  idleBytes: 'KB each idle stream',
} as const;

const ours = 'millrace';

/** Ours against another side: CPU of the same load may be so many times theirs. */
const ratios: readonly (readonly [load: string, other: string, most: number])[] = [
  [goalLoads.unary, 'nginx', 1.5],
  [goalLoads.unary, 'envoy', 0.6],
  [goalLoads.unary, 'vllm-router', 0.2],
  [goalLoads.unary, 'smg', 0.15],
  [goalLoads.streams, 'nginx', 1.2],
  [goalLoads.tls, 'nginx', 1.3],
];

/** What each proxy adds to the latency that the rig has without one: medians, so no spread of its own. */
export function addedLatency(figures: readonly Figure[]): readonly Figure[] {
  return figures
    .filter(({ side, name }) => side !== 'direct' && name.startsWith('latency '))
    .map(({ comparison, side, name, values }) => {
      const direct = medianOf(figures, [comparison, 'direct', name]);
      return { comparison, side, name: `added ${name}`, values: [median(values) - direct] };
    })
    .filter(({ values }) => values.every(Number.isFinite));
}

/** The goals whose figures were measured on both sides; a side that is missing has none. */
export function gatewayGoals(figures: readonly Figure[]): readonly Goal[] {
  const goals = [
    ...ratios.map(([load, other, most]) => {
      const [our, their] = [ours, other].map((side) =>
        medianOf(figures, [load, side, goalFigures.cpu]),
      );
      return goalAtMost(
        `${load}: CPU, ours / ${other} ≤ ${most}`,
        (our ?? Number.NaN) / (their ?? Number.NaN),
        most,
      );
    }),
    lanesGoal(figures),
    latencyGoal(figures, goalFigures.p50, 100),
    latencyGoal(figures, goalFigures.p99, 300),
    goalAtLeast(
      `${goalLoads.unary}: CPU, portkey / ours ≥ 20`,
      cpuOf(figures, 'portkey') / cpuOf(figures, ours),
      20,
    ),
    goalAtMost(
      `${goalLoads.many}: errors of ours ≤ 0`,
      medianOf(figures, [goalLoads.many, ours, goalFigures.errors]),
      0,
    ),
    goalAtMost(
      `${goalLoads.idle}: KB each ≤ 20`,
      medianOf(figures, [goalLoads.idle, ours, goalFigures.idleBytes]),
      20,
    ),
    goalAtLeast(
      `${goalLoads.large}: requests/s on one core ≥ 1,000`,
      medianOf(figures, [goalLoads.large, ours, goalFigures.perSecond]),
      1000,
    ),
  ];
  return goals.filter(({ reached }) => Number.isFinite(reached));
}

function cpuOf(figures: readonly Figure[], side: string): number {
  return medianOf(figures, [goalLoads.unary, side, goalFigures.cpu]);
}

function lanesGoal(figures: readonly Figure[]): Goal {
  const cpu = (side: string): number => cpuOf(figures, side);
  return goalAtMost(
    `${goalLoads.unary}: CPU, two lanes / one ≤ 1.1`,
    cpu('millrace-lanes-2') / cpu('millrace-lanes-1'),
    1.1,
  );
}

function latencyGoal(figures: readonly Figure[], name: string, mostUs: number): Goal {
  const added = (side: string): number => medianOf(figures, [goalLoads.steady, side, name]);
  return goalAtMost(
    `${goalLoads.steady}: ${name}, ours less nginx's ≤ ${mostUs}`,
    added(ours) - added('nginx'),
    mostUs,
  );
}

function medianOf(
  figures: readonly Figure[],
  [comparison, side, name]: readonly [string, string, string],
): number {
  const figure = figures.find(
    (one) => one.comparison === comparison && one.side === side && one.name === name,
  );
  return figure === undefined ? Number.NaN : median(figure.values);
}
