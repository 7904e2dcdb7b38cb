export { TelemetryError, type TelemetryErrorCode } from './errors.ts';
export type { Labels } from './metrics/label-sets.ts';
export { otlpMetrics, type OtlpOptions } from './metrics/otlp.ts';
export {
  type Labelled,
  type LabelledValue,
  type MetricOptions,
  Registry,
} from './metrics/registry.ts';
export { Counter, Gauge, Histogram } from './metrics/series.ts';
export { exposeSnapshot, mergeSnapshots, type RegistrySnapshot } from './metrics/snapshot.ts';
export type { RegistryOptions } from './options.ts';
