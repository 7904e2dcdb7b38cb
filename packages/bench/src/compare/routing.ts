import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  endpointFacts,
  EndpointTable,
  PrefixHasher,
  PrefixLedger,
  Router,
  type RouteRequest,
} from '@millrace/routing';
import { seededPrng, systemClock } from '@millrace/stdx';
import { comparedPolicies, ours, unguarded } from '../fleet/compared-policies.ts';
import { readPrefixTrace, tokensPerBlock, type TraceRequest } from '../fleet/prefix-trace.ts';
import {
  chainOf,
  type FleetOutcome,
  leastTtftMs,
  simulateFleet,
} from '../fleet/simulated-fleet.ts';
import { quantile } from '../load/run-load.ts';
import { type Figure, type Goal, median } from '../report/report.ts';
import type { Comparison } from './comparison.ts';
import { goalAtLeast, goalAtMost } from './goal.ts';

const shape = {
  replicaCount: 8,
  blocksMax: 4_000,
  prefillTokensPerSecond: 8_000,
  decodeMsPerToken: 20,
};
/** Of what the fleet could compute, the share that round robin leaves it to compute. */
const loadShare = 0.8;
const stretchShare = 0.03;
const decisionEndpoints = 128;
const decisionCount = 50_000;
/** Decisions until the code is compiled. */
const decisionsWarming = 10_000;

/** What the goals compare with: hit rates of unguarded affinity on these traces, as they were set. */
const traces = [
  { name: 'conversation', file: 'mooncake_conversation_trace.jsonl', unguardedHitRate: 0.315 },
  { name: 'synthetic', file: 'mooncake_synthetic_trace.jsonl', unguardedHitRate: 0.626 },
] as const;
type Trace = (typeof traces)[number];

/** What the measurement of routing needs. */
export interface RoutingContext {
  /** The folder with the traces. */
  readonly traces: string | undefined;
  readonly rounds: number;
  readonly onProgress: (text: string) => void;
}

/** Every policy over recorded traffic on simulated replicas, and the time that a decision takes. */
export function compareRouting(context: RoutingContext): Comparison {
  const parts = traces.map((trace) => compareOn(trace, context));
  parts.push(measureDecision(context));
  const model = `${shape.replicaCount} simulated replicas × ${shape.blocksMax} blocks of ${tokensPerBlock} tokens, least recently used first out; each computes one prompt at a time in the order of arrival at ${shape.prefillTokensPerSecond} tokens/s, and decodes beside that at ${shape.decodeMsPerToken} ms a token. Arrivals are those of the trace, stretched in time so that round robin keeps replicas busy for ${loadShare} of it, and by up to ${stretchShare} more or less. One value a seed, the same stretch for all policies.`;
  return {
    figures: parts.flatMap(({ figures }) => figures),
    goals: parts.flatMap(({ goals }) => goals),
    notes: [
      model,
      '"work skew" is prompt tokens computed, "request skew" requests, each the most of a replica over the mean.',
      `"${unguarded}" follows more than half a prompt; "affinity to any block" follows one block, which the conversations all share.`,
      ...parts.flatMap(({ notes }) => notes),
    ],
  };
}

function compareOn(trace: Trace, context: RoutingContext): Comparison {
  const path = context.traces === undefined ? undefined : join(context.traces, trace.file);
  if (path === undefined || !existsSync(path)) {
    const why =
      path === undefined ? 'no --traces FOLDER is given' : `there is no ${trace.file} in it`;
    return { figures: [], goals: [], notes: [`${trace.name}: left out, ${why}`] };
  }
  const requests = readPrefixTrace(path);
  const timeScale = timeScaleFor(requests);
  const outcomes = new Map<string, readonly FleetOutcome[]>();
  for (const [name, policy] of Object.entries(comparedPolicies)) {
    context.onProgress(`${trace.name}: ${name}`);
    const seeds = Array.from({ length: context.rounds }, (_, round) => round + 1);
    outcomes.set(
      name,
      seeds.map((seed) =>
        simulateFleet(requests, shape, { policy, seed, timeScale: timeScale * stretchOf(seed) }),
      ),
    );
  }
  const figures = [...outcomes].flatMap(([name, found]) => figuresOf(trace.name, name, found));
  return {
    figures,
    goals: goalsOf(trace, figures),
    notes: [
      `${trace.name}: ${requests.length} requests, time stretched by ${timeScale.toFixed(3)}; no policy can have a p99 to first token below ${quantile(leastTtftMs(requests, shape), 0.99).toFixed(0)} ms, that of replicas that nobody waits for and that share one cache without bound`,
    ],
  };
}

/** Where costs seldom tie chance hardly enters: arrivals a little closer or wider apart show how far a figure holds. */
function stretchOf(seed: number): number {
  return 1 + stretchShare * (2 * seededPrng(seed).next() - 1);
}

function timeScaleFor(requests: readonly TraceRequest[]): number {
  const policy = comparedPolicies['round robin'] as (typeof comparedPolicies)[string];
  const { tokensComputed } = simulateFleet(requests, shape, { policy, seed: 1, timeScale: 1 });
  const spanMs = (requests.at(-1)?.atMs ?? 0) - (requests[0]?.atMs ?? 0);
  const busyMs = (1_000 * tokensComputed) / shape.prefillTokensPerSecond / shape.replicaCount;
  return busyMs / loadShare / spanMs;
}

function figuresOf(
  comparison: string,
  side: string,
  outcomes: readonly FleetOutcome[],
): readonly Figure[] {
  const figure = (name: string, read: (outcome: FleetOutcome) => number): Figure => ({
    comparison,
    side,
    name,
    values: outcomes.map(read),
  });
  return [
    figure('hit rate, %', ({ hitRate }) => 100 * hitRate),
    figure('work skew', ({ workSkew }) => workSkew),
    figure('request skew', ({ requestSkew }) => requestSkew),
    figure('p50 to first token, ms', ({ ttftMs }) => quantile(ttftMs, 0.5)),
    figure('p99 to first token, ms', ({ ttftMs }) => quantile(ttftMs, 0.99)),
    figure('p99 of prefill alone, ms', ({ prefillMs }) => quantile(prefillMs, 0.99)),
  ];
}

function goalsOf(trace: Trace, figures: readonly Figure[]): readonly Goal[] {
  const medianOf = (side: string, name: string): number =>
    median(figures.find((one) => one.side === side && one.name === name)?.values ?? []);
  const reference = Math.max(trace.unguardedHitRate, medianOf(unguarded, 'hit rate, %') / 100);
  const skew = Math.max(medianOf(ours, 'work skew'), medianOf(ours, 'request skew'));
  const p99 = 'p99 to first token, ms';
  const others = Object.keys(comparedPolicies).filter((name) => name !== ours);
  const best = Math.min(...others.map((name) => medianOf(name, p99)));
  return [
    goalAtLeast(
      `${trace.name}: hit rate over that of unguarded affinity (${reference.toFixed(3)}) ≥ 0.85`,
      medianOf(ours, 'hit rate, %') / 100 / reference,
      0.85,
    ),
    goalAtMost(`${trace.name}: the larger of both skews ≤ 1.15`, skew, 1.15),
    goalAtMost(
      `${trace.name}: p99 to first token over the best of all others < 1`,
      medianOf(ours, p99) / best,
      1 - Number.EPSILON,
    ),
  ];
}

/** Decisions of the standard policy among many endpoints that hold prompts of 4 to 64 blocks with shared beginnings. */
function measureDecision(context: RoutingContext): Comparison {
  const [medians, tails]: [number[], number[]] = [[], []];
  for (let round = 1; round <= context.rounds; round++) {
    context.onProgress(`decision: round ${round}`);
    const micros = decisionMicros(round);
    medians.push(quantile(micros, 0.5));
    tails.push(quantile(micros, 0.99));
  }
  const row = { comparison: 'decision', side: ours };
  return {
    figures: [
      { ...row, name: `p50 at ${decisionEndpoints} endpoints, µs`, values: medians },
      { ...row, name: `p99 at ${decisionEndpoints} endpoints, µs`, values: tails },
    ],
    goals: [
      goalAtMost(`decision at ${decisionEndpoints} endpoints, p99 in µs ≤ 20`, median(tails), 20),
    ],
    notes: [
      `decision: p99 of the round with the least of it ${Math.min(...tails).toFixed(1)} µs; what else runs on the machine only adds to it.`,
      `decision: ${decisionCount} a round, the ledger's match included, the prompt's hashing not; each prompt of 4 to 64 blocks is held by 4 endpoints, its first block by all.`,
    ],
  };
}

function decisionMicros(seed: number): readonly number[] {
  const random = seededPrng(seed);
  const ledger = PrefixLedger.create(systemClock, { endpointsMax: decisionEndpoints });
  const table = EndpointTable.create({
    clock: systemClock,
    endpointsMax: decisionEndpoints,
    memory: 'shared',
  });
  const endpoints = Array.from({ length: decisionEndpoints }, (_, index) =>
    endpointFacts({ id: `endpoint-${index}`, index, models: ['traced'] }),
  );
  const router = new Router({ endpoints, table, ledger, prng: random });
  const hasher = new PrefixHasher({ blockBytes: 64 });
  const requests = Array.from({ length: 512 }, (_, prompt): RouteRequest => {
    const blockCount = 4 + random.below(61);
    const blocks = Array.from({ length: blockCount }, (_, at) => (at === 0 ? 0 : prompt * 64 + at));
    const chain = chainOf(blocks, hasher);
    for (let holder = 0; holder < 4; holder++)
      ledger.confirm(chain, random.below(decisionEndpoints), 0);
    const promptTokens = blockCount * tokensPerBlock + 100;
    return { model: 'traced', promptTokens, outputTokensMax: 100, chain, tokensPerBlock };
  });
  const micros: number[] = [];
  for (let at = 0; at < decisionsWarming + decisionCount; at++) {
    const request = requests[random.below(requests.length)] as RouteRequest;
    table.beginPrefill(random.below(decisionEndpoints), random.below(100));
    const startMs = performance.now();
    router.route(request);
    const took = 1_000 * (performance.now() - startMs);
    if (at >= decisionsWarming) micros.push(took);
  }
  return micros;
}
