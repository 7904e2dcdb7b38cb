import type { Labels } from '@millrace/telemetry';
import type { Registry } from '@millrace/telemetry';
import type { RequestRecord } from '../requests/request-record.ts';
import {
  createFamilies,
  type MetricFamilies,
  type RequestMetricsOptions,
} from './metric-families.ts';
import { RecentRequests } from './recent-requests.ts';

const nsPerSecond = 1e9;
const operations: readonly (readonly [RegExp, string])[] = [
  [/\/chat(\/completions)?$|\/messages$|\/responses$/, 'chat'],
  [/\/completions?$|\/generate(_stream)?$|\/infill$/, 'text_completion'],
  [/\/embed(ding)?s?$/, 'embeddings'],
  [/:(stream)?[gG]enerateContent$/, 'generate_content'],
];

/** Metrics of requests as the kernel saw them: the semantic conventions' names, and vLLM's beside them to compare with. */
export class RequestMetrics {
  readonly #families: MetricFamilies;
  readonly #recent = new RecentRequests();

  constructor(options: RequestMetricsOptions = {}) {
    this.#families = createFamilies(options);
  }

  get registry(): Registry {
    return this.#families.registry;
  }

  /** Counts a request, once however often it is told; `causesNs` is its time by cause. */
  observe(record: RequestRecord, causesNs: Readonly<Record<string, number>>): void {
    if (!this.#recent.isFirst(record)) return;
    const families = this.#families;
    const labels = labelsOf(record);
    const model = { model_name: record.model ?? '' };
    const seconds = (record.endNs - record.startNs) / nsPerSecond;
    const error = errorTypeOf(record);
    families.duration.labels({ ...labels, error_type: error }).observe(seconds);
    families.vllmDuration.labels(model).observe(seconds);
    const { status, ending, incomplete } = record;
    const complete = String(incomplete.length === 0);
    families.requests.labels({ ...labels, status: String(status ?? ''), ending, complete }).inc();
    for (const [cause, ns] of Object.entries(causesNs)) {
      families.causes.labels({ ...labels, cause }).inc(ns / nsPerSecond);
    }
    this.#countTokens(record, labels);
    if (record.abandoned !== undefined) {
      const { lastWriteNs, clientGoneNs } = record.abandoned;
      families.abandoned.labels(labels).inc(Math.max(0, lastWriteNs - clientGoneNs) / nsPerSecond);
    }
    // The conventions count the time of tokens for requests that succeeded only.
    if (error === '' && incomplete.length === 0) this.#observeOutput(record, labels, model);
  }

  #countTokens({ usage }: RequestRecord, labels: Labels): void {
    const { tokens } = this.#families;
    for (const [type, count] of [
      ['input', usage.inputTokens],
      ['output', usage.outputTokens],
    ] as const) {
      if (count !== undefined) tokens.labels({ ...labels, gen_ai_token_type: type }).inc(count);
    }
  }

  #observeOutput(record: RequestRecord, labels: Labels, model: Labels): void {
    const { firstOutputNs, startNs, endNs, usage, outputs } = record;
    if (firstOutputNs === undefined) return;
    const families = this.#families;
    const firstSeconds = (firstOutputNs - startNs) / nsPerSecond;
    families.firstToken.labels(labels).observe(firstSeconds);
    families.vllmFirstToken.labels(model).observe(firstSeconds);
    const further = (usage.outputTokens ?? 0) - 1;
    if (further > 0 && record.isStream) {
      families.perToken.labels(labels).observe((endNs - firstOutputNs) / nsPerSecond / further);
    }
    const histograms = [families.gap.labels(labels), families.vllmBetweenTokens.labels(model)];
    let beforeNs: number | undefined;
    for (const { timeNs, contentChunks } of outputs) {
      if (contentChunks === 0) continue;
      if (beforeNs !== undefined) {
        for (const histogram of histograms) histogram.observe((timeNs - beforeNs) / nsPerSecond);
      }
      beforeNs = timeNs;
    }
  }
}

function labelsOf({ route, model, localPort }: RequestRecord): Labels {
  return {
    gen_ai_operation_name: operations.find(([form]) => form.test(route))?.[1] ?? 'other',
    gen_ai_request_model: model ?? '',
    server_port: String(localPort),
  };
}

/** The kind of error, by the status or by how the request ended; empty where there was none. */
function errorTypeOf({ status, ending, grpcStatus, hasStreamError }: RequestRecord): string {
  if (ending !== 'answered') return ending;
  if (status !== undefined && status >= 400) return String(status);
  if (grpcStatus !== undefined && grpcStatus !== 0) return `grpc_${grpcStatus}`;
  return hasStreamError ? 'stream_error' : '';
}
