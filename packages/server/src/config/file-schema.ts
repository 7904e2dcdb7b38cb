import {
  type EngineKind,
  engineKinds,
  type TranslatedApi,
  translatedApis,
} from '@millrace/gateway';
import { z } from 'zod';
import { type BatchingConfig, batchingSchema } from './batching-schema.ts';
import { lanesMax } from '../lanes/lane-count.ts';
import { type EngineConfig, engineSchema } from './engines-schema.ts';
import { type LimitsConfig, limitsSchema } from './limits-schema.ts';
import {
  type HealthCheckConfig,
  healthCheckSchema,
  type ResilienceConfig,
  resilienceSchema,
  type TimeoutsConfig,
  timeoutsSchema,
} from './resilience-schema.ts';
import { type RoutingConfig, routingSchema } from './routing-schema.ts';

const endpointUrl = z
  .url({ protocol: /^https?$/, error: 'is no http:// or https:// address' })
  .describe('Where the engine listens, as http://host:port; a path in front of /v1 is kept.');

const zmqUrl = z
  .string()
  .regex(/^(?:tcp:\/\/.+:\d{1,5}|ipc:\/\/\/.+)$/, 'is no tcp://host:port and no ipc:///path');

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
    batching: batchingSchema.optional(),
    concurrency: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Requests that it is given at once; by default any.'),
    quantization: z.string().min(1).max(64).optional().describe('By default what it says.'),
    tier: z
      .int()
      .min(0)
      .max(100)
      .optional()
      .describe('How good its variant of a model is, 100 being full; by quantisation.'),
    costPerMillionTokens: z.number().min(0).optional().describe('In any one currency.'),
    timeouts: timeoutsSchema.optional(),
    drain: z
      .boolean()
      .optional()
      .describe('Whether it finishes what it has and is given nothing more.'),
    kvEvents: z
      .strictObject({
        url: zmqUrl.describe('Where it publishes what its cache holds.'),
        replay: zmqUrl.optional().describe('Where messages that were missed can be had again.'),
        topic: z.string().max(256).optional().describe('By default all.'),
      })
      .optional()
      .describe('KV events of vLLM and its like, over ZeroMQ.'),
  })
  .describe('An engine that answers requests.');

const tlsFiles = z
  .strictObject({
    cert: z
      .string()
      .min(1)
      .describe('PEM file of the certificate and those that lead to its root.'),
    key: z.string().min(1).describe('PEM file of its private key.'),
  })
  .describe('Clients connect by TLS; the files are read again when they change.');

const listen = z
  .union([
    z.strictObject({
      host: z.string().min(1).optional().describe('By default 127.0.0.1.'),
      port: z.int().min(0).max(65_535).optional().describe('By default 8080.'),
      tls: tlsFiles.optional(),
    }),
    z.strictObject({
      socket: z.string().min(1).max(107).describe('Path of a Unix socket.'),
      tls: tlsFiles.optional(),
    }),
  ])
  .describe('Where clients connect.');

const tenant = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[!-~](?:[ -~]{0,62}[!-~])?$/,
        'is no 1 to 64 letters, digits, signs and spaces of ASCII: engines are told it in a header',
      )
      .describe('What metrics and engines call it.'),
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

const models = z.array(z.string().min(1)).min(1).max(8);

const file = z
  .strictObject({
    listen: listen.optional(),
    lanes: z
      .int()
      .min(1)
      .max(lanesMax)
      .optional()
      .describe('Threads that accept connections; by default one per core.'),
    endpoints: z.array(endpoint).min(1).max(128).optional(),
    engines: z.array(engineSchema).min(1).max(32).optional(),
    aliases: z
      .record(
        z.string().min(1),
        z.union([
          z.string().min(1),
          models,
          z.strictObject({
            models,
            tierMin: z.int().min(0).max(100).optional(),
            latencyCritical: z.boolean().optional(),
          }),
        ]),
      )
      .optional()
      .describe('Other names of models; a list is tried in its order.'),
    routing: routingSchema.optional(),
    resilience: resilienceSchema.optional(),
    timeouts: timeoutsSchema.optional(),
    healthCheck: healthCheckSchema.optional(),
    limits: limitsSchema.optional(),
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
  readonly batching?: BatchingConfig | undefined;
  readonly concurrency?: number | undefined;
  readonly quantization?: string | undefined;
  readonly tier?: number | undefined;
  readonly costPerMillionTokens?: number | undefined;
  readonly timeouts?: TimeoutsConfig | undefined;
  readonly drain?: boolean | undefined;
  readonly kvEvents?:
    | {
        readonly url: string;
        readonly replay?: string | undefined;
        readonly topic?: string | undefined;
      }
    | undefined;
}

/** What a name stands for: a model, models in turn, or those with what is asked of whoever answers. */
export type AliasConfig =
  | string
  | readonly string[]
  | {
      readonly models: readonly string[];
      readonly tierMin?: number | undefined;
      readonly latencyCritical?: boolean | undefined;
    };

/** Files of the port's certificate. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
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
    | {
        readonly host?: string | undefined;
        readonly port?: number | undefined;
        readonly tls?: TlsPaths | undefined;
      }
    | { readonly socket: string; readonly tls?: TlsPaths | undefined }
    | undefined;
  readonly lanes?: number | undefined;
  readonly endpoints?: readonly EndpointConfig[] | undefined;
  readonly engines?: readonly EngineConfig[] | undefined;
  readonly aliases?: Readonly<Record<string, AliasConfig>> | undefined;
  readonly routing?: RoutingConfig | undefined;
  readonly resilience?: ResilienceConfig | undefined;
  readonly timeouts?: TimeoutsConfig | undefined;
  readonly healthCheck?: HealthCheckConfig | undefined;
  readonly limits?: LimitsConfig | undefined;
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
  let forms: readonly JsonForm[] = [z.toJSONSchema(file) as JsonForm];
  for (const part of path) {
    forms = forms
      .flatMap(alternativesOf)
      .flatMap((form) =>
        typeof part === 'number'
          ? (form.items ?? [])
          : (form.properties?.[part] ?? form.additionalProperties ?? []),
      );
  }
  return forms.flatMap(alternativesOf).flatMap((form) => Object.keys(form.properties ?? {}));
}

/** The part of JSON Schema by which keys are found. */
interface JsonForm {
  readonly properties?: Readonly<Record<string, JsonForm>>;
  readonly additionalProperties?: JsonForm;
  readonly items?: JsonForm;
  readonly anyOf?: readonly JsonForm[];
}

function alternativesOf(form: JsonForm): readonly JsonForm[] {
  return form.anyOf === undefined ? [form] : form.anyOf.flatMap(alternativesOf);
}
