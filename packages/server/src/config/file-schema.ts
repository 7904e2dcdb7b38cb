import {
  type EngineKind,
  engineKinds,
  type RoutingPolicyName,
  routingPolicyNames,
  type TranslatedApi,
  translatedApis,
} from '@millrace/gateway';
import { z } from 'zod';
import { lanesMax } from '../lanes/lane-count.ts';

const endpointUrl = z
  .url({ protocol: /^https?$/, error: 'is no http:// or https:// address' })
  .describe('Where the engine listens, as http://host:port; a path in front of /v1 is kept.');

const endpoint = z
  .strictObject({
    url: endpointUrl,
    name: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('What metrics and decisions call it; by default its host and port.'),
    kind: z.enum(engineKinds).optional().describe('What speaks there; by default it is found out.'),
    models: z
      .array(z.string().min(1))
      .min(1)
      .max(256)
      .optional()
      .describe('The models to ask it for; by default those that it lists.'),
    context: z
      .int()
      .min(16)
      .max(2 ** 24)
      .optional()
      .describe('Tokens of prompt and answer together; by default what it says.'),
    weight: z.number().min(0.01).max(1000).optional().describe('Share of the load; by default 1.'),
    apiKeyEnv: z
      .string()
      .regex(/^[A-Za-z_]\w*$/, 'is no name of an environment variable')
      .optional()
      .describe('Environment variable that holds the key to send to it.'),
    apis: z
      .array(z.enum(translatedApis))
      .max(translatedApis.length)
      .optional()
      .describe('APIs that it speaks itself; by default none: they are translated.'),
  })
  .describe('An engine that answers requests.');

const listen = z
  .union([
    z.strictObject({
      host: z.string().min(1).optional().describe('By default 127.0.0.1.'),
      port: z.int().min(0).max(65_535).optional().describe('By default 8080.'),
    }),
    z.strictObject({ socket: z.string().min(1).max(107).describe('Path of a Unix socket.') }),
  ])
  .describe('Where clients connect.');

const tenant = z
  .strictObject({
    name: z.string().min(1).max(64).describe('What metrics and engines call it.'),
    keys: z
      .array(
        z
          .string()
          .regex(
            /^sha256:[0-9a-f]{64}$/i,
            'is no "sha256:" with 64 hexadecimal digits; see millrace config key',
          ),
      )
      .min(1)
      .max(64)
      .describe('SHA-256 of each of its keys; millrace config key makes one.'),
    models: z
      .array(z.string().min(1))
      .min(1)
      .max(256)
      .optional()
      .describe('Models and aliases that it may ask for; by default all.'),
  })
  .describe('Somebody who may use the gateway.');

const file = z
  .strictObject({
    listen: listen.optional(),
    lanes: z
      .int()
      .min(1)
      .max(lanesMax)
      .optional()
      .describe('Threads that accept connections; by default one per core.'),
    endpoints: z.array(endpoint).min(1).max(128),
    aliases: z
      .record(
        z.string().min(1),
        z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(8)]),
      )
      .optional()
      .describe('Other names of models; a list is tried in its order.'),
    routing: z
      .strictObject({
        policy: z
          .enum(routingPolicyNames)
          .optional()
          .describe('prefix (the default), least-load or round-robin.'),
      })
      .optional()
      .describe('How endpoints are chosen.'),
    tenants: z
      .array(tenant)
      .min(1)
      .max(10_000)
      .optional()
      .describe('Who may come, by API key; without it everybody may.'),
  })
  .describe('Configuration of millrace up.');

/** An endpoint as `millrace.yaml` names it. */
export interface EndpointConfig {
  readonly url: string;
  readonly name?: string | undefined;
  readonly kind?: EngineKind | undefined;
  readonly models?: readonly string[] | undefined;
  readonly context?: number | undefined;
  readonly weight?: number | undefined;
  readonly apiKeyEnv?: string | undefined;
  readonly apis?: readonly TranslatedApi[] | undefined;
}

/** A tenant as `millrace.yaml` names it. */
export interface TenantConfig {
  readonly name: string;
  readonly keys: readonly string[];
  readonly models?: readonly string[] | undefined;
}

/** `millrace.yaml` as it was written. */
export interface FileConfig {
  readonly listen?:
    | { readonly host?: string | undefined; readonly port?: number | undefined }
    | { readonly socket: string }
    | undefined;
  readonly lanes?: number | undefined;
  readonly endpoints: readonly EndpointConfig[];
  readonly aliases?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly routing?: { readonly policy?: RoutingPolicyName | undefined } | undefined;
  readonly tenants?: readonly TenantConfig[] | undefined;
}

/** The form of `millrace.yaml`; a key that is not in it is an error. */
export const fileSchema: z.ZodType<FileConfig> = file;

/** The schema for editors, as JSON Schema 2020-12. */
export function fileJsonSchema(): object {
  return { title: 'millrace.yaml', ...z.toJSONSchema(file) };
}

/** Keys that may stand in the object at a path. */
export function knownKeysAt(path: readonly (string | number)[]): readonly string[] {
  if (path[0] === 'endpoints') return Object.keys(endpoint.shape);
  if (path[0] === 'tenants') return Object.keys(tenant.shape);
  if (path[0] === 'routing') return ['policy'];
  if (path[0] === 'listen') return listen.options.flatMap((option) => Object.keys(option.shape));
  return Object.keys(file.shape);
}
