import {
  type AliasRule,
  continuationDefaults,
  hedgeDefaults,
  type ResiliencePolicy,
  resilienceDefaults,
  routingDefaults,
  type RoutingRules,
  type TimeLimits,
} from '@millrace/gateway';
import type { WorkloadRule } from '@millrace/routing';
import type { FileConfig } from '../config/file-schema.ts';
import type { ResilienceConfig, TimeoutsConfig } from '../config/resilience-schema.ts';
import type { ConditionConfig, RoutingConfig } from '../config/routing-schema.ts';

/** Requests wait so long while no endpoint may take them: one that is started again is mostly back by then. */
const queueMsMax = 2_000;

/** What happens when endpoints fail, hang, are slow or full, by a configuration. */
export function resiliencePolicyOf(config: ResilienceConfig = {}): ResiliencePolicy {
  const { retry, retryBudget, queue } = resilienceDefaults;
  return {
    retry: { ...retry, triesMax: config.tries ?? retry.triesMax },
    retryBudget: { ...retryBudget, share: config.retryShare ?? retryBudget.share },
    circuit: circuitOf(config),
    slowness: slownessOf(config),
    hedge: hedgeOf(config),
    continuation: config.continue === true ? continuationDefaults : undefined,
    queue: {
      lengthMax: config.queue?.length ?? queue.lengthMax,
      waitMsMax: config.queue?.waitMs ?? queueMsMax,
    },
  };
}

function circuitOf({ circuit: given = {} }: ResilienceConfig): ResiliencePolicy['circuit'] {
  const { circuit } = resilienceDefaults;
  return {
    ...circuit,
    failuresInARowMax: given.failures ?? circuit.failuresInARowMax,
    failureShareMax: given.failureShare ?? circuit.failureShareMax,
    openMs: given.openMs ?? circuit.openMs,
    openMsMax: given.openMsMax ?? circuit.openMsMax,
  };
}

function slownessOf({ slow }: ResilienceConfig): ResiliencePolicy['slowness'] {
  const { slowness } = resilienceDefaults;
  if (slow === false || slowness === undefined) return undefined;
  return {
    ...slowness,
    slowFactor: slow?.factor ?? slowness.slowFactor,
    slowMsMin: slow?.aboveMs ?? slowness.slowMsMin,
  };
}

function hedgeOf({ hedge }: ResilienceConfig): ResiliencePolicy['hedge'] {
  if (hedge === undefined) return undefined;
  return {
    ...hedgeDefaults,
    quantile: hedge.quantile ?? hedgeDefaults.quantile,
    afterMsMin: hedge.afterMs ?? hedgeDefaults.afterMsMin,
    share: hedge.share ?? hedgeDefaults.share,
    promptTokensMax: hedge.promptTokens ?? hedgeDefaults.promptTokensMax,
  };
}

/** How long an endpoint may take: what it says itself, then what is said for all. */
export function timeLimitsOf(own: TimeoutsConfig = {}, common: TimeoutsConfig = {}): TimeLimits {
  const merged = { ...defined(common), ...defined(own) };
  return {
    ...(merged.connectMs !== undefined && { connectMsMax: merged.connectMs }),
    ...(merged.firstByteMs !== undefined && { firstByteMsMax: merged.firstByteMs }),
    ...(merged.betweenTokensMs !== undefined && { pieceMsMax: merged.betweenTokensMs }),
    ...(merged.totalMs !== undefined && { totalMsMax: merged.totalMs }),
  };
}

/** The rules by which endpoints are chosen, by a configuration. */
export function routingRulesOf({ routing = {}, aliases = {} }: FileConfig): RoutingRules {
  const rules = Object.entries(aliases).flatMap(([name, alias]): (readonly [string, AliasRule])[] =>
    typeof alias === 'object' && 'models' in alias
      ? [[name, { tierMin: alias.tierMin, isLatencyCritical: alias.latencyCritical === true }]]
      : [],
  );
  return {
    weights: { ...routingDefaults.weights, ...defined(routing.weights ?? {}) },
    workloads: routing.workloads?.map(workloadRuleOf) ?? routingDefaults.workloads,
    sessionHeader: routing.session ?? routingDefaults.sessionHeader,
    msPerCost: routing.msPerCost ?? routingDefaults.msPerCost,
    aliasRules: new Map(rules),
  };
}

function workloadRuleOf(rule: NonNullable<RoutingConfig['workloads']>[number]): WorkloadRule {
  const { latencyCritical, ...when }: ConditionConfig = rule.when;
  return {
    name: rule.name,
    when: {
      ...defined(when),
      ...(latencyCritical !== undefined && { isLatencyCritical: latencyCritical }),
    },
    engines: rule.engines,
  };
}

/** Without the keys that were not given. */
function defined<Given extends object>(
  given: Given,
): {
  [Name in keyof Given]?: Exclude<Given[Name], undefined>;
} {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as never;
}
