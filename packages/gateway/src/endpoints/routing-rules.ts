import {
  consistentHashPicker,
  costScorer,
  latencyScorer,
  loadForWeightScorer,
  lowestCostPicker,
  prefixScorer,
  roundRobinPicker,
  type RoutePolicy,
  type Scorer,
  sessionScorer,
  standardFilters,
  standardRules,
  tailScorer,
  twoChoicesPicker,
  weightedPicker,
  type WorkloadRule,
  workloadScorer,
} from '@millrace/routing';
import type { HeaderBlock } from '../messages/header-block.ts';

/** How endpoints are chosen; all but `prefix` are for comparison, or where prompts have nothing in common. */
export type RoutingPolicyName =
  | 'prefix'
  | 'least-load'
  | 'round-robin'
  | 'two-choices'
  | 'weighted'
  | 'hash';

export const routingPolicyNames: readonly RoutingPolicyName[] = [
  'prefix',
  'least-load',
  'round-robin',
  'two-choices',
  'weighted',
  'hash',
];

/** What counts how much under the policy `prefix`. */
export interface RoutingWeights {
  readonly load: number;
  readonly prefix: number;
  /** Tokens that the engine which suits a request best is worth beside one that does not. */
  readonly workload: number;
  /** Tokens that the endpoint which a session likes best is worth beside the one that it likes least. */
  readonly session: number;
  /** Tokens for a millisecond of predicted time to first token. */
  readonly latency: number;
  /** What a wait costs beyond its tokens, the more the longer it is. */
  readonly tail: number;
  /** Tokens for a unit of money. */
  readonly cost: number;
}

/** What an alias asks for beyond its models. */
export interface AliasRule {
  readonly tierMin: number | undefined;
  readonly isLatencyCritical: boolean;
}

/** The rules by which endpoints are chosen. */
export interface RoutingRules {
  readonly weights: RoutingWeights;
  /** Classes of requests and the engines that suit them. */
  readonly workloads: readonly WorkloadRule[];
  /** The header by which requests of one session are known. */
  readonly sessionHeader: string;
  /** Milliseconds that a unit of money is worth when engines are compared by what was measured. */
  readonly msPerCost: number;
  readonly aliasRules: ReadonlyMap<string, AliasRule>;
}

export const routingDefaults: RoutingRules = {
  weights: { load: 1, prefix: 3, workload: 8_192, session: 0, latency: 0, tail: 1, cost: 0 },
  workloads: standardRules,
  sessionHeader: 'x-session-id',
  msPerCost: 0,
  aliasRules: new Map(),
};

/** By load in tokens for an endpoint's weight. */
const byLoad = { scorer: loadForWeightScorer, weight: 1 };

/** The policy of a name. `prefix` is what `bench routing` found best: load, three times the tokens that are not cached, and the tail. */
export function policyFor(name: RoutingPolicyName, { weights }: RoutingRules): RoutePolicy {
  const filters = standardFilters;
  switch (name) {
    case 'prefix':
      return { filters, scorers: scorersFor(weights), picker: lowestCostPicker };
    case 'least-load':
      return { filters, scorers: [byLoad], picker: lowestCostPicker };
    case 'two-choices':
      return { filters, scorers: [byLoad], picker: twoChoicesPicker };
    case 'round-robin':
      return { filters, scorers: [], picker: roundRobinPicker };
    case 'weighted':
      return { filters, scorers: [], picker: weightedPicker };
    case 'hash':
      return { filters, scorers: [], picker: consistentHashPicker };
  }
}

function scorersFor(weights: RoutingWeights): RoutePolicy['scorers'] {
  const all: readonly (readonly [Scorer, number])[] = [
    [loadForWeightScorer, weights.load],
    [prefixScorer, weights.prefix],
    [workloadScorer, weights.workload],
    [sessionScorer, weights.session],
    [latencyScorer, weights.latency],
    [tailScorer, weights.tail],
    [costScorer, weights.cost],
  ];
  return all.flatMap(([scorer, weight]) => (weight === 0 ? [] : [{ scorer, weight }]));
}

/** What a request asks of whoever answers it, beyond its model. */
export interface RouteHints {
  readonly sessionHash: number | undefined;
  readonly qualityTierMin: number | undefined;
  readonly isLatencyCritical: boolean;
}

const qualityHeader = 'x-millrace-quality-min';
const latencyHeader = 'x-millrace-latency-critical';

const noHints: RouteHints = {
  sessionHash: undefined,
  qualityTierMin: undefined,
  isLatencyCritical: false,
};

/** Reads what headers and the alias that was asked for say. */
export function hintsOf(
  headers: HeaderBlock,
  model: string | undefined,
  rules: RoutingRules,
): RouteHints {
  const { aliasRules, sessionHeader } = rules;
  const alias = model === undefined || aliasRules.size === 0 ? undefined : aliasRules.get(model);
  const session = headers.get(sessionHeader);
  const quality = headers.get(qualityHeader);
  const latency = headers.get(latencyHeader);
  // Few requests ask for anything.
  if (alias === undefined && session === undefined && (quality ?? latency) === undefined)
    return noHints;
  return {
    sessionHash: session === undefined ? undefined : hashOf(session),
    qualityTierMin: highestOf(alias?.tierMin, Number(quality ?? Number.NaN)),
    isLatencyCritical: alias?.isLatencyCritical === true || latency === 'true',
  };
}

/** Of two tiers, one from a rule and one that may be none, the higher. */
function highestOf(ruled: number | undefined, asked: number): number | undefined {
  if (Number.isNaN(asked)) return ruled;
  return ruled === undefined ? asked : Math.max(ruled, asked);
}

/** 32 bits of a text (FNV-1a); not for secrets. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}
