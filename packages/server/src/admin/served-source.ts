import type { ApiError } from '@millrace/openai';

/** What answers behind the gateway, as the admin routes see it. */
export interface ServedSource {
  readonly modelId: string;
  /** Undefined while requests are served; otherwise why not. */
  readonly unavailable: ApiError | undefined;
  /** Metrics to show beside the gateway's own: text, or undefined when they cannot be had now. */
  readMetrics(): Promise<string | undefined>;
}
