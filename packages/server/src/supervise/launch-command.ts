import { type KvEventPlace, kvEventsConfig } from '@millrace/gateway';

/** Engines that can be started here. */
export const launchKinds = ['vllm', 'llama-server', 'trtllm-serve'] as const;
export type LaunchKind = (typeof launchKinds)[number];

/** An engine to be started, as `millrace.yaml` names it. */
export interface LaunchSpec {
  readonly launch: LaunchKind;
  /** A folder, a file or a name, whatever the engine takes for a model. */
  readonly model: string;
  /** The name by which clients ask for the model. */
  readonly servedName: string;
  readonly contextTokensMax: number | undefined;
  readonly sequencesMax: number;
  readonly batchTokensMax: number;
  /** Program and first arguments, where it is not found by its own name. */
  readonly command: readonly string[] | undefined;
  /** Put behind all others, so that they win. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Where an engine is to listen. */
export interface LaunchPlace {
  readonly host: string;
  readonly port: number;
  /** ZeroMQ's addresses for the KV events of those that tell them, and for their replay; absent: they tell none. */
  readonly events?: KvEventPlace;
}

/** How a process is started. */
export interface LaunchCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A file that must stand there before: its text goes where an argument says `{file}`. */
  readonly file: string | undefined;
}

/** Chunked prefill, prefix caching, bounds on tokens and sequences, metrics and KV events, in each engine's own words. */
export function launchCommand(spec: LaunchSpec, place: LaunchPlace): LaunchCommand {
  const [program, ...first] = spec.command ?? [spec.launch];
  const { args, env, file } = commands[spec.launch](spec, place);
  return {
    program: program as string,
    args: [...first, ...args, ...spec.args],
    env: { ...env, ...spec.env },
    file,
  };
}

type Command = Omit<LaunchCommand, 'program'>;

const commands: Readonly<Record<LaunchKind, (spec: LaunchSpec, place: LaunchPlace) => Command>> = {
  vllm: (spec, place) => ({
    args: [
      ...['serve', spec.model, '--served-model-name', spec.servedName],
      ...['--host', place.host, '--port', `${place.port}`],
      ...['--max-num-seqs', `${spec.sequencesMax}`],
      ...['--max-num-batched-tokens', `${spec.batchTokensMax}`],
      ...given('--max-model-len', spec.contextTokensMax),
      '--enable-chunked-prefill',
      '--enable-prefix-caching',
      '--enable-prompt-tokens-details',
      ...(place.events === undefined ? [] : ['--kv-events-config', kvEventsConfig(place.events)]),
    ],
    env: { VLLM_NO_USAGE_STATS: '1', DO_NOT_TRACK: '1' },
    file: undefined,
  }),
  'llama-server': (spec, place) => ({
    args: [
      ...['--model', spec.model, '--alias', spec.servedName],
      ...['--host', place.host, '--port', `${place.port}`],
      ...['--parallel', `${spec.sequencesMax}`],
      ...['--batch-size', `${spec.batchTokensMax}`],
      // Its context is shared out among its slots.
      ...given('--ctx-size', times(spec.contextTokensMax, spec.sequencesMax)),
      '--metrics',
      '--slots',
    ],
    env: {},
    file: undefined,
  }),
  'trtllm-serve': (spec, place) => ({
    args: [
      spec.model,
      ...['--host', place.host, '--port', `${place.port}`],
      ...['--max_batch_size', `${spec.sequencesMax}`],
      ...['--max_num_tokens', `${spec.batchTokensMax}`],
      ...given('--max_seq_len', spec.contextTokensMax),
      ...['--extra_llm_api_options', '{file}'],
    ],
    env: {},
    // JSON is YAML. Without performance metrics it has none in Prometheus' format.
    file: JSON.stringify({
      enable_chunked_prefill: true,
      enable_iter_perf_stats: true,
      return_perf_metrics: true,
      kv_cache_config: { enable_block_reuse: true },
    }),
  }),
};

function given(flag: string, value: number | undefined): readonly string[] {
  return value === undefined ? [] : [flag, `${value}`];
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
