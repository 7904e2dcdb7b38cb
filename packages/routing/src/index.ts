export { type DecisionDraw } from './decide.ts';
export { type DecisionRecord, type RecordedCandidate, replayDecision } from './decision-record.ts';
export { type CandidateField, fieldOf } from './endpoints/candidate-field.ts';
export {
  type Candidate,
  type CircuitState,
  type EndpointFacts,
  endpointFacts,
  type EndpointLoad,
  type EndpointState,
} from './endpoints/endpoint.ts';
export {
  EndpointTable,
  type EndpointTableOptions,
  type LoadField,
  type ReportedField,
} from './endpoints/endpoint-table.ts';
export { RequestCharge, type RequestWeight } from './endpoints/request-charge.ts';
export { RoutingError, type RoutingErrorCode } from './errors.ts';
export type { Filter, Reasons } from './filters/filter.ts';
export {
  circuitFilter,
  concurrencyFilter,
  contextFilter,
  healthFilter,
  modelFilter,
  qualityFilter,
  standardFilters,
  subsetFilter,
  tenantFilter,
} from './filters/standard-filters.ts';
export type { PrefixHasherOptions, PrefixLedgerOptions } from './options.ts';
export type { Picker, PickField } from './pickers/picker.ts';
export {
  consistentHashPicker,
  lowestCostPicker,
  roundRobinPicker,
  twoChoicesPicker,
  weightedPicker,
} from './pickers/standard-pickers.ts';
export {
  type EngineBlockCounts,
  type EngineBlockName,
  EngineBlocks,
  type StoredBlocks,
} from './prefix-index/engine-blocks.ts';
export { type PrefixChain, PrefixHasher } from './prefix-index/prefix-hasher.ts';
export { type LedgerCounts, PrefixLedger } from './prefix-index/prefix-ledger.ts';
export { type BlockKey, tokenChain } from './prefix-index/token-chain.ts';
export { policyOf } from './policy-of-record.ts';
export { type RoutePolicy, standardPolicy } from './route-policy.ts';
export type { RequestFacts, RouteRequest } from './route-request.ts';
export { type Decision, type ExactPrefixes, Router, type RouterParts } from './router.ts';
export type { Scorer, WeightedScorer } from './scorers/scorer.ts';
export {
  costScorer,
  latencyScorer,
  loadForWeightScorer,
  loadScorer,
  prefixScorer,
  sessionScorer,
  standardScorers,
  tailScorer,
  workloadScorer,
} from './scorers/standard-scorers.ts';
export {
  type LearnedFigure,
  LearnedFigures,
  type LearnedFiguresOptions,
  type ObservedAnswer,
} from './workload/learned-figures.ts';
export {
  modelChain,
  type ModelDecision,
  type ModelNames,
  routeAlong,
} from './workload/model-chain.ts';
export {
  classifyWorkload,
  standardRules,
  type WorkloadCondition,
  type WorkloadFacts,
  type WorkloadRule,
} from './workload/workload-rule.ts';
