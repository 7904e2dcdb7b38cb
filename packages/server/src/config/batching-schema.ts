import { type MergeableRoute, mergeableRoutes } from '@millrace/gateway';
import { z } from 'zod';

const batching = z
  .strictObject({
    routes: z
      .array(z.enum(mergeableRoutes))
      .min(1)
      .max(mergeableRoutes.length)
      .optional()
      .describe('What is merged; by default embeddings and completions.'),
    models: z
      .array(z.string().min(1))
      .min(1)
      .max(256)
      .optional()
      .describe('Models whose requests are merged; by default all.'),
    inputs: z.int().min(2).max(256).optional().describe('Inputs of one request; by default 32.'),
    delayMs: z
      .number()
      .min(0)
      .max(1000)
      .optional()
      .describe('Longest wait for others, in milliseconds; by default 5.'),
    bytes: z
      .int()
      .min(1024)
      .max(16 * 2 ** 20)
      .optional()
      .describe('Bytes of one request; by default 1 MiB.'),
  })
  .describe('Requests that come close together are merged into one; by default they are not.');

/** How requests to an endpoint are merged, as `millrace.yaml` says it. */
export interface BatchingConfig {
  readonly routes?: readonly MergeableRoute[] | undefined;
  readonly models?: readonly string[] | undefined;
  readonly inputs?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly bytes?: number | undefined;
}

/** The form of `batching`. */
export const batchingSchema: z.ZodType<BatchingConfig> = batching;
