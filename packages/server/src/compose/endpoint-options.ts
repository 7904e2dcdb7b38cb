import { batchingDefaults, type BatchingOptions, type EndpointOptions } from '@millrace/gateway';
import type { BatchingConfig } from '../config/batching-schema.ts';
import type { EndpointConfig, FileConfig } from '../config/file-schema.ts';
import { endpointName } from '../config/read-config-file.ts';
import { ServerError } from '../errors.ts';
import { timeLimitsOf } from './policies-of-config.ts';

/** The environment that keys are read from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The endpoints of a configuration. Throws `SERVER_SETTING_INVALID` for a key that is not in the environment. */
export function endpointOptionsOf(
  config: FileConfig,
  env: Environment,
): readonly EndpointOptions[] {
  const missing: string[] = [];
  const options = (config.endpoints ?? []).map((endpoint): EndpointOptions => {
    const key = keyOf(endpoint, env);
    if (endpoint.apiKeyEnv !== undefined && key === undefined)
      missing.push(
        `endpoint ${endpointName(endpoint)}: the environment has no ${endpoint.apiKeyEnv}`,
      );
    return {
      name: endpointName(endpoint),
      url: new URL(endpoint.url),
      kind: endpoint.kind,
      models: endpoint.models,
      contextTokensMax: endpoint.context,
      weight: endpoint.weight ?? 1,
      authorization: key === undefined ? undefined : `Bearer ${key}`,
      nativeApis: endpoint.apis ?? [],
      ...(endpoint.batching !== undefined && { batching: batchingOf(endpoint.batching) }),
      limits: timeLimitsOf(endpoint.timeouts, config.timeouts),
      ...(endpoint.concurrency !== undefined && { concurrencyMax: endpoint.concurrency }),
      ...(endpoint.kvEvents !== undefined && { kvEvents: endpoint.kvEvents }),
      ...(endpoint.tier !== undefined && { tier: endpoint.tier }),
      ...(endpoint.quantization !== undefined && { quantization: endpoint.quantization }),
      ...(endpoint.costPerMillionTokens !== undefined && {
        costPerMillionTokens: endpoint.costPerMillionTokens,
      }),
    };
  });
  if (missing.length > 0)
    throw new ServerError(missing.join('\n'), { code: 'SERVER_SETTING_INVALID' });
  return options;
}

/** Endpoints of a configuration that are given nothing more. */
export function drainingOf({ endpoints = [] }: FileConfig): ReadonlySet<string> {
  return new Set(endpoints.filter(({ drain }) => drain === true).map(endpointName));
}

function batchingOf(batching: BatchingConfig): BatchingOptions {
  return {
    ...batchingDefaults,
    routes: batching.routes ?? batchingDefaults.routes,
    models: batching.models,
    inputsMax: batching.inputs ?? batchingDefaults.inputsMax,
    delayMsMax: batching.delayMs ?? batchingDefaults.delayMsMax,
    bytesMax: batching.bytes ?? batchingDefaults.bytesMax,
  };
}

function keyOf({ apiKeyEnv }: EndpointConfig, env: Environment): string | undefined {
  const key = apiKeyEnv === undefined ? undefined : env[apiKeyEnv]?.trim();
  return key === '' ? undefined : key;
}
