import {
  type EngineKind,
  engineKinds,
  type RoutingPolicyName,
  routingPolicyNames,
  type RoutingWeights,
} from '@millrace/gateway';
import { z } from 'zod';

const count = z.int().min(0);
const weight = z.number().min(0).max(1_000_000);

const condition = z
  .strictObject({
    promptTokensMin: count.optional(),
    promptTokensMax: count.optional(),
    outputTokensMin: count.optional(),
    cachedShareMin: z.number().min(0).max(1).optional(),
    concurrencyMin: count.optional(),
    concurrencyMax: count.optional(),
    latencyCritical: z.boolean().optional(),
  })
  .describe('All that is given must hold; bounds included.');

/** What must hold for a class of workload, as `millrace.yaml` says it. */
export interface ConditionConfig {
  readonly promptTokensMin?: number | undefined;
  readonly promptTokensMax?: number | undefined;
  readonly outputTokensMin?: number | undefined;
  readonly cachedShareMin?: number | undefined;
  readonly concurrencyMin?: number | undefined;
  readonly concurrencyMax?: number | undefined;
  readonly latencyCritical?: boolean | undefined;
}

/** How endpoints are chosen, as `millrace.yaml` says it. */
export interface RoutingConfig {
  readonly policy?: RoutingPolicyName | undefined;
  readonly weights?: { readonly [Name in keyof RoutingWeights]?: number | undefined } | undefined;
  readonly session?: string | undefined;
  readonly workloads?:
    | readonly {
        readonly name: string;
        readonly when: ConditionConfig;
        readonly engines: readonly EngineKind[];
      }[]
    | undefined;
  readonly msPerCost?: number | undefined;
  readonly record?:
    | {
        readonly file: string;
        readonly share?: number | undefined;
        readonly bytes?: number | undefined;
      }
    | undefined;
}

/** The form of how endpoints are chosen. */
export const routingSchema: z.ZodType<RoutingConfig> = z
  .strictObject({
    policy: z
      .enum(routingPolicyNames)
      .optional()
      .describe('prefix (the default), least-load, round-robin, two-choices, weighted, hash.'),
    weights: z
      .strictObject({
        load: weight.optional().describe('By default 1.'),
        prefix: weight.optional().describe('By default 3.'),
        workload: weight.optional().describe('Tokens that the right engine is worth: 8192.'),
        session: weight.optional().describe('Tokens that a session’s own endpoint is worth: 0.'),
        latency: weight.optional().describe('Tokens that a predicted millisecond costs: 0.'),
        tail: weight.optional().describe('What a token costs for every four seconds of a wait: 1.'),
        cost: weight.optional().describe('Tokens that one unit of money costs: 0.'),
      })
      .optional()
      .describe('What counts how much under the policy prefix.'),
    session: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'is no name of a header in lower case')
      .optional()
      .describe('Header by which requests of one session are known; by default x-session-id.'),
    workloads: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(64),
          when: condition,
          engines: z.array(z.enum(engineKinds)).max(engineKinds.length),
        }),
      )
      .max(32)
      .optional()
      .describe('Classes of requests and the engines that suit them; the first that applies.'),
    msPerCost: z
      .number()
      .min(0)
      .optional()
      .describe('Milliseconds that one unit of money is worth.'),
    record: z
      .strictObject({
        file: z.string().min(1).describe('Where decisions are written, one a line.'),
        share: z.number().min(0).max(1).optional().describe('Of all decisions; by default 0.01.'),
        bytes: z
          .int()
          .min(4_096)
          .max(2 ** 34)
          .optional()
          .describe('At most; by default 64 MiB.'),
      })
      .optional()
      .describe('Decisions that are kept; millrace replay makes them again.'),
  })
  .describe('How endpoints are chosen.');
