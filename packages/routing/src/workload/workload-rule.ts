/** What tells kinds of requests apart. */
export interface WorkloadFacts {
  readonly promptTokens: number;
  readonly outputTokensMax: number;
  /** Share of the prompt that some endpoint is thought to hold, from 0 to 1. */
  readonly cachedShare: number;
  /** Requests for the model that are under way. */
  readonly concurrency: number;
  /** Whether an objective on the tail of latency covers the request. */
  readonly isLatencyCritical: boolean;
}

/** What must hold for a rule to apply: all that is given, bounds included. */
export interface WorkloadCondition {
  readonly promptTokensMin?: number;
  readonly promptTokensMax?: number;
  readonly outputTokensMin?: number;
  readonly cachedShareMin?: number;
  readonly concurrencyMin?: number;
  readonly concurrencyMax?: number;
  readonly isLatencyCritical?: boolean;
}

/** A class of workload: which requests belong to it, and which engines suit them, the best first. */
export interface WorkloadRule {
  readonly name: string;
  readonly when: WorkloadCondition;
  readonly engines: readonly string[];
}

/** The table where none is given. The first three rules choose an engine; the others only tell classes apart. */
export const standardRules: readonly WorkloadRule[] = [
  {
    name: 'latency-critical',
    when: { isLatencyCritical: true },
    engines: ['tensorrt-llm'],
  },
  {
    name: 'long-context',
    when: { promptTokensMin: 4_097, concurrencyMax: 16 },
    engines: ['vllm'],
  },
  {
    name: 'short-chat',
    when: { promptTokensMax: 512, concurrencyMin: 17 },
    engines: ['llama.cpp', 'millrace'],
  },
  { name: 'shared-prefix', when: { promptTokensMin: 513, cachedShareMin: 0.5 }, engines: [] },
  { name: 'long-output', when: { outputTokensMin: 1_024 }, engines: [] },
];

const general: WorkloadRule = { name: 'general', when: {}, engines: [] };

/** The first rule that applies; one named `general`, without preference, where none does. */
export function classifyWorkload(
  facts: WorkloadFacts,
  rules: readonly WorkloadRule[] = standardRules,
): WorkloadRule {
  return rules.find(({ when }) => applies(when, facts)) ?? general;
}

function applies(when: WorkloadCondition, facts: WorkloadFacts): boolean {
  if (when.isLatencyCritical !== undefined && when.isLatencyCritical !== facts.isLatencyCritical)
    return false;
  return (
    isWithin(facts.promptTokens, when.promptTokensMin, when.promptTokensMax) &&
    isWithin(facts.concurrency, when.concurrencyMin, when.concurrencyMax) &&
    isWithin(facts.outputTokensMax, when.outputTokensMin, undefined) &&
    isWithin(facts.cachedShare, when.cachedShareMin, undefined)
  );
}

function isWithin(value: number, least = -Infinity, most = Infinity): boolean {
  return value >= least && value <= most;
}
