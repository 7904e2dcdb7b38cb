import type { Figure } from '../report/report.ts';
import { compileRig, type RigPrograms } from '../rig/compile-rig.ts';
import {
  microsecondsEach,
  type ProcessCost,
  processTree,
  readProcessCost,
} from '../rig/process-cost.ts';
import { type Percentiles, type RigOptions, runClient, startUpstream } from '../rig/rig-process.ts';
import { millraceProxySide, oneLaneSide, twoLanesSide } from '../sides/millrace-proxy-side.ts';
import { whyNotPinned } from '../sides/pinned.ts';
import { directSide, haproxySide, nginxSide, type ProxySide } from '../sides/proxy-side.ts';
import { envoySide, smgSide, vllmRouterSide } from '../sides/wheel-sides.ts';
import type { Comparison } from './comparison.ts';
import { addedLatency, gatewayGoals, goalFigures, goalLoads } from './gateway-goals.ts';

/** How long and how often proxies are measured. */
export interface GatewayBenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Sides and loads by name; none of a kind means all of it. */
  readonly only: readonly string[];
  readonly onProgress: (text: string) => void;
}

const sides: readonly ProxySide[] = [
  directSide,
  nginxSide,
  haproxySide,
  millraceProxySide,
  oneLaneSide,
  twoLanesSide,
  envoySide,
  vllmRouterSide,
  smgSide,
];

interface Load {
  /** What `--only` calls it. */
  readonly word: string;
  readonly name: string;
  readonly settings: RigOptions;
}

const loads: readonly Load[] = [
  { word: 'unary', name: goalLoads.unary, settings: { 'expect-bytes': 1024 } },
  {
    word: 'unary-4k',
    name: 'unary 4 KB, saturated',
    settings: { 'expect-bytes': 1024, 'body-bytes': 4096 },
  },
  {
    word: 'unary-400k',
    name: goalLoads.large,
    settings: { 'expect-bytes': 1024, 'body-bytes': 400_000 },
  },
  { word: 'rate', name: goalLoads.steady, settings: { 'expect-bytes': 1024, rate: 1000 } },
  {
    word: 'streams',
    name: goalLoads.streams,
    settings: { 'expect-events': 128, stream: 1, connections: 50 },
  },
];

/** The sides and loads that can be named to measure only those. */
export const gatewayChoices: readonly string[] = [
  ...sides.map(({ name }) => name),
  ...loads.map(({ word }) => word),
];

/** Those named; where none of a kind is, all of it. The rig itself is always among the sides: latency is set against it. */
export function chooseGatewayParts(only: readonly string[]): {
  readonly sides: readonly ProxySide[];
  readonly loads: readonly Load[];
} {
  const someSides = sides.filter(({ name }) => only.includes(name));
  const someLoads = loads.filter(({ word }) => only.includes(word));
  return {
    sides:
      someSides.length === 0 ? sides : [directSide, ...someSides.filter((it) => it !== directSide)],
    loads: someLoads.length === 0 ? loads : someLoads,
  };
}

/** What proxies cost and add, one at a time in turn, each round in every load. */
export async function measureGateways(options: GatewayBenchOptions): Promise<Comparison> {
  const rig = compileRig();
  if ('unavailable' in rig) return { figures: [], goals: [], notes: [rig.unavailable] };
  const values = new Map<string, number[]>();
  const notes = new Set<string>();
  const shared = whyNotPinned();
  if (shared !== undefined) notes.add(shared);
  const chosen = chooseGatewayParts(options.only);
  for (let round = 0; round < options.rounds; round++)
    for (const side of chosen.sides) {
      options.onProgress(`round ${round + 1} of ${options.rounds}: ${side.name}`);
      for (const [key, value, problem] of await measureSide(side, rig, options)) {
        if (problem !== undefined) notes.add(problem);
        else values.set(key, [...(values.get(key) ?? []), value]);
      }
    }
  const figures = [...values].map(([key, list]): Figure => {
    const [comparison = '', side = '', name = ''] = key.split('|');
    return { comparison, side, name, values: list };
  });
  return {
    figures: [...figures, ...addedLatency(figures)],
    goals: gatewayGoals(figures),
    notes: [...notes],
  };
}

type Measured = readonly [key: string, value: number, problem?: string];

async function measureSide(
  side: ProxySide,
  rig: RigPrograms,
  options: GatewayBenchOptions,
): Promise<readonly Measured[]> {
  await using upstream = await startUpstream(rig.upstream);
  const started = await side.start(upstream.port);
  if ('unavailable' in started) return [['', 0, `${side.name} left out: ${started.unavailable}`]];
  await using running = started;
  const ids = running.processId > 0 ? processTree(running.processId) : [];
  const found: Measured[] = [];
  for (const { name: load, settings } of chooseGatewayParts(options.only).loads) {
    const costs: ProcessCost[] = [];
    const result = await runClient(
      rig.client,
      {
        ...settings,
        port: new URL(running.url).port,
        'warm-ms': 2000,
        'duration-ms': options.seconds * 1000,
      },
      () => costs.push(readProcessCost(ids)),
    );
    const errors = Object.values(result.errors).reduce((sum, count) => sum + count, 0);
    const [before, after] = costs;
    if (errors > 0 || before === undefined || after === undefined) {
      found.push(['', 0, `${side.name}, ${load}: ${errors} errors, not counted`]);
      continue;
    }
    const pieces = 'stream' in settings ? result.events : result.requests;
    const latency = 'stream' in settings ? result.eventLatencyUs : result.latencyUs;
    const key = `${load}|${side.name}`;
    if (ids.length > 0)
      found.push([`${key}|${goalFigures.cpu}`, microsecondsEach(before, after, pieces)]);
    found.push([`${key}|${goalFigures.perSecond}`, (pieces * 1000) / result.windowMs]);
    found.push(...latencies(key, latency));
    if (ids.length > 0) found.push([`${key}|resident, MB`, after.residentBytes / 1e6]);
  }
  return found;
}

function latencies(key: string, { p50, p99 }: Percentiles): readonly Measured[] {
  return [
    [`${key}|${goalFigures.p50}`, p50 ?? Number.NaN],
    [`${key}|${goalFigures.p99}`, p99 ?? Number.NaN],
  ];
}
