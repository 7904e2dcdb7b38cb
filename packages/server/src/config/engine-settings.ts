import { type BoundedOption, engineBounds, type EngineOptions } from '@millrace/engine';
import type { Setting, Settings, SettingTable } from './settings.ts';

function bounded(option: BoundedOption, help: string): Setting {
  return { kind: 'number', value: 'N', help, bounds: engineBounds[option] };
}

/** Settings of the engine; `up` passes them on to its engine process. */
export const engineSettings: SettingTable = {
  mode: {
    kind: 'text',
    value: 'MODE',
    help: 'how requests are batched',
    choices: ['adaptive', 'continuous', 'static', 'static-ragged'],
  },
  layout: {
    kind: 'text',
    value: 'LAYOUT',
    help: 'how keys and values are laid out',
    choices: ['streams', 'unified'],
  },
  'sequences-max': bounded('sequencesMax', 'sequences computed at once'),
  'context-tokens-max': bounded(
    'contextTokensMax',
    "tokens of a conversation; by default the model's own",
  ),
  'token-ms-max': bounded('tokenMsMax', 'objective: milliseconds between two tokens of an answer'),
  'queue-length-max': bounded('queueLengthMax', 'requests that may wait'),
  'kv-bytes-max': bounded(
    'kvBytesMax',
    'memory for keys and values; by default half of what is free',
  ),
  'host-cache-bytes-max': bounded(
    'hostCacheBytesMax',
    'memory for cold prefixes; 0 turns the tier off',
  ),
  threads: bounded('threads', 'threads that compute; by default the number of cores'),
  'no-prefix-reuse': { kind: 'switch', help: 'compute every prompt whole' },
  'isolate-tenants': { kind: 'switch', help: 'never share prefixes between tenants' },
};

/** The engine's options out of settings. */
export function engineOptionsOf(settings: Settings, modelPath: string): EngineOptions {
  const number = (name: string): number | undefined =>
    settings.values.get(name) as number | undefined;
  const flag = (name: string): boolean => settings.values.get(name) === true;
  return {
    modelPath,
    modelId: settings.values.get('model-id') as string | undefined,
    mode: settings.values.get('mode') as EngineOptions['mode'],
    layout: settings.values.get('layout') as EngineOptions['layout'],
    sequencesMax: number('sequences-max'),
    contextTokensMax: number('context-tokens-max'),
    tokenMsMax: number('token-ms-max'),
    queueLengthMax: number('queue-length-max'),
    kvBytesMax: number('kv-bytes-max'),
    hostCacheBytesMax: number('host-cache-bytes-max'),
    threads: number('threads'),
    reusesPrefixes: !flag('no-prefix-reuse'),
    isolatesTenants: flag('isolate-tenants'),
  };
}

/** The settings of the engine that were given, as flags again. */
export function engineFlagsOf(settings: Settings): readonly string[] {
  return Object.keys(engineSettings).flatMap((name) => {
    const value = settings.values.get(name);
    return value === undefined || value === false
      ? []
      : value === true
        ? [`--${name}`]
        : [`--${name}=${value}`];
  });
}
