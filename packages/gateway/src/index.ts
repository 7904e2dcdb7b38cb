export type { BackendAddress } from './backends/backend-address.ts';
export { ApiBackend, type ApiBackendOptions } from './apis/api-backend.ts';
export { type TranslatedApi, translatedApis } from './apis/api-route.ts';
export { answerTo } from './backends/backend.ts';
export type {
  AnswerMessage,
  Backend,
  BackendAnswer,
  BackendRequest,
  TakeAnswer,
} from './backends/backend.ts';
export { HttpBackend, type HttpBackendOptions } from './backends/http-backend.ts';
export {
  EndpointBackend,
  type EndpointBackendOptions,
  type RoutingTable,
} from './endpoints/endpoint-backend.ts';
export { type Endpoint, type EndpointOptions, openEndpoint } from './endpoints/endpoint.ts';
export { EndpointMonitor, type EndpointMonitorOptions } from './endpoints/endpoint-monitor.ts';
export {
  type EndpointMetricSource,
  registerEndpointMetrics,
} from './endpoints/endpoint-metrics.ts';
export {
  createEndpointMemory,
  type EndpointMemory,
  type EndpointMemoryOptions,
  EndpointPlaces,
} from './endpoints/endpoint-memory.ts';
export { unavailableOf } from './endpoints/look-at-endpoint.ts';
export { createModelsRoute } from './endpoints/models-route.ts';
export {
  type DecisionRecorder,
  EndpointRouter,
  type EndpointRouterOptions,
} from './endpoints/endpoint-router.ts';
export {
  type AliasRule,
  type RoutingPolicyName,
  routingPolicyNames,
  routingDefaults,
  type RoutingRules,
  type RoutingWeights,
} from './endpoints/routing-rules.ts';
export { type EngineKind, engineKinds } from './engines/engine-kind.ts';
export { kvEventsConfig } from './engines/kv-events/kv-events-config.ts';
export {
  type KvEventPlace,
  KvFollower,
  type KvFollowerOptions,
} from './engines/kv-events/kv-follower.ts';
export { Resilience } from './resilience/resilience.ts';
export { hedgeDefaults } from './resilience/hedge-policy.ts';
export {
  continuationDefaults,
  type ResiliencePolicy,
  resilienceDefaults,
} from './resilience/resilience-policy.ts';
export type { TimeLimits } from './resilience/time-limits.ts';
export { GatewayError, type GatewayErrorCode } from './errors.ts';
export { type Gateway, startGateway } from './http/gateway-server.ts';
export {
  claimPlace,
  type ListenOptions,
  type ListenPlace,
  whyPortNotShared,
} from './http/listen.ts';
export type { GatewayOptions } from './http/pipeline.ts';
export {
  jsonAnswer,
  type OwnAnswer,
  type OwnRequest,
  type OwnRoute,
  pathOf,
} from './http/own-route.ts';
export {
  type BodyEnd,
  type BodySink,
  type BodySource,
  BytesBody,
  discardBody,
  readBody,
  type WholeBody,
} from './messages/body.ts';
export { Cancellation, type CancelReason } from './messages/cancellation.ts';
export { type FieldValues, HeaderBlock, HeaderEdit } from './messages/header-block.ts';
export { type BatchMetrics, createBatchMetrics } from './batching/batch-metrics.ts';
export type { BatchingOptions } from './batching/batching-backend.ts';
export { type MergeableRoute, mergeableRoutes } from './batching/mergeable-request.ts';
export {
  batchingDefaults,
  type EndpointBounds,
  endpointDefaults,
  type GatewayBounds,
  gatewayDefaults,
} from './options.ts';
export {
  type Identified,
  keyHashOf,
  TenantDirectory,
  type TenantOptions,
} from './identity/tenant-directory.ts';
export { checkIdentity, type CheckedIdentity, type TlsIdentity } from './tls/tls-identity.ts';
export { ticketKeyBytes, type TlsOptions } from './tls/tls-server.ts';
export type { KeyHeaders } from './identity/tenant-header.ts';
