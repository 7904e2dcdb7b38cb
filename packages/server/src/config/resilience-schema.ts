import { z } from 'zod';

const milliseconds = (most: number): z.ZodInt => z.int().min(1).max(most);
const share = z.number().min(0).max(1);
const hour = 3_600_000;

/** How long endpoints may take, as `millrace.yaml` says it. */
export interface TimeoutsConfig {
  readonly connectMs?: number | undefined;
  readonly firstByteMs?: number | undefined;
  readonly betweenTokensMs?: number | undefined;
  readonly totalMs?: number | undefined;
}

/** What happens when endpoints fail, as `millrace.yaml` says it. */
export interface ResilienceConfig {
  readonly tries?: number | undefined;
  readonly retryShare?: number | undefined;
  readonly circuit?:
    | {
        readonly failures?: number | undefined;
        readonly failureShare?: number | undefined;
        readonly openMs?: number | undefined;
        readonly openMsMax?: number | undefined;
      }
    | undefined;
  readonly slow?:
    | false
    | { readonly factor?: number | undefined; readonly aboveMs?: number | undefined }
    | undefined;
  readonly hedge?:
    | {
        readonly quantile?: number | undefined;
        readonly afterMs?: number | undefined;
        readonly share?: number | undefined;
        readonly promptTokens?: number | undefined;
      }
    | undefined;
  readonly continue?: boolean | undefined;
  readonly queue?:
    | { readonly length?: number | undefined; readonly waitMs?: number | undefined }
    | undefined;
}

/** Health checks by real completions, as `millrace.yaml` names them. */
export interface HealthCheckConfig {
  readonly everyMs: number;
  readonly timeoutMs?: number | undefined;
  readonly prompt?: string | undefined;
}

/** The form of how long endpoints may take. */
export const timeoutsSchema: z.ZodType<TimeoutsConfig> = z
  .strictObject({
    connectMs: milliseconds(hour).optional().describe('Until connected; by default 5000.'),
    firstByteMs: milliseconds(hour)
      .optional()
      .describe('Until the first byte of an answer; by default 600000.'),
    betweenTokensMs: milliseconds(hour)
      .optional()
      .describe('Between two pieces of an answer; by default 120000.'),
    totalMs: milliseconds(24 * hour)
      .optional()
      .describe('For a whole answer; by default any.'),
  })
  .describe('How long an endpoint may take.');

/** The form of what happens when endpoints fail, hang, are slow or full. */
export const resilienceSchema: z.ZodType<ResilienceConfig> = z
  .strictObject({
    tries: z.int().min(1).max(8).optional().describe('Endpoints a request goes to; by default 2.'),
    retryShare: share
      .optional()
      .describe('Of all requests, the share that may be sent once more; by default 0.2.'),
    circuit: z
      .strictObject({
        failures: z.int().min(1).max(1_000).optional().describe('In a row; by default 5.'),
        failureShare: share.optional().describe('Within 10 s, of 20 or more; by default 0.5.'),
        openMs: milliseconds(hour).optional().describe('First rest; by default 5000.'),
        openMsMax: milliseconds(hour).optional().describe('Longest rest; by default 60000.'),
      })
      .optional()
      .describe('When an endpoint whose answers fail is left alone.'),
    slow: z
      .union([
        z.literal(false),
        z.strictObject({
          factor: z.number().min(1.5).max(1_000).optional().describe('By default 5.'),
          aboveMs: milliseconds(hour).optional().describe('By default 2000.'),
        }),
      ])
      .optional()
      .describe('When one is left alone whose first tokens take many times as long as its like.'),
    hedge: z
      .strictObject({
        quantile: share.optional().describe('Of recent times to first token; by default 0.95.'),
        afterMs: milliseconds(hour).optional().describe('At least; by default 100.'),
        share: share.optional().describe('Of all requests, at most; by default 0.05.'),
        promptTokens: z.int().min(1).optional().describe('At most; by default 32768.'),
      })
      .optional()
      .describe('Streams that begin late are asked for at a second endpoint; by default not.'),
    continue: z
      .boolean()
      .optional()
      .describe('Whether a stream whose engine died goes on at another; by default not.'),
    queue: z
      .strictObject({
        length: z.int().min(1).max(100_000).optional().describe('By default 1024.'),
        waitMs: z.int().min(0).max(hour).optional().describe('By default 2000; 0: none wait.'),
      })
      .optional()
      .describe('Where requests wait while no endpoint may take them.'),
  })
  .describe('What happens when endpoints fail, hang, are slow or full.');

/** The form of health checks by real completions. */
export const healthCheckSchema: z.ZodType<HealthCheckConfig> = z
  .strictObject({
    everyMs: z.int().min(1_000).max(hour).describe('Time between two.'),
    timeoutMs: milliseconds(hour).optional().describe('By default 10000.'),
    prompt: z.string().min(1).max(1_000).optional().describe('By default "Hi".'),
  })
  .describe('Each endpoint is asked for one token again and again; by default not.');
