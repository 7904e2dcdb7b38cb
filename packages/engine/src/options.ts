import { availableParallelism } from 'node:os';
import { type Clock, systemClock } from '@millrace/stdx';
import { EngineError } from './errors.ts';
import type { KvLayout } from './kv-cache/prefix.ts';

/** How the engine batches; all but `adaptive` are for comparison. */
export type SchedulerMode = 'adaptive' | 'continuous' | 'static' | 'static-ragged';

/** What `createEngine` takes. Every number is checked against `engineBounds`. */
export interface EngineOptions {
  readonly modelPath: string;
  /** The name under which the model is served; by default its file's name without `.gguf`. */
  readonly modelId?: string | undefined;
  readonly mode?: SchedulerMode | undefined;
  /** By default streams where memory allows a few of them, else one unified buffer. */
  readonly layout?: KvLayout | undefined;
  readonly sequencesMax?: number | undefined;
  /** By default what the model was trained for. */
  readonly contextTokensMax?: number | undefined;
  /** The objective: time between two tokens of a running answer. */
  readonly tokenMsMax?: number | undefined;
  readonly queueLengthMax?: number | undefined;
  readonly batchTokensMax?: number | undefined;
  readonly microBatchTokensMax?: number | undefined;
  /** Memory for keys and values in contexts. */
  readonly kvBytesMax?: number | undefined;
  /** Memory for cold prefixes outside the contexts; 0 turns the tier off. */
  readonly hostCacheBytesMax?: number | undefined;
  readonly isolatesTenants?: boolean | undefined;
  readonly reusesPrefixes?: boolean | undefined;
  readonly threads?: number | undefined;
  readonly staticBatchSize?: number | undefined;
  readonly agingMs?: number | undefined;
  readonly accelerator?: 'auto' | 'cpu' | 'cuda' | 'vulkan' | 'metal' | undefined;
  readonly clock?: Clock | undefined;
}

/** Options with nothing left open. */
export type ResolvedEngineOptions = {
  readonly [Key in keyof EngineOptions]-?: Exclude<EngineOptions[Key], undefined>;
};

/** The numeric options. */
export type BoundedOption =
  | 'agingMs'
  | 'batchTokensMax'
  | 'contextTokensMax'
  | 'hostCacheBytesMax'
  | 'kvBytesMax'
  | 'microBatchTokensMax'
  | 'queueLengthMax'
  | 'sequencesMax'
  | 'staticBatchSize'
  | 'threads'
  | 'tokenMsMax';

const mebibyte = 2 ** 20;

/** The bounds of every numeric option, inclusive. */
export const engineBounds: Readonly<Record<BoundedOption, readonly [least: number, most: number]>> =
  {
    sequencesMax: [1, 256],
    contextTokensMax: [16, 2 ** 24],
    tokenMsMax: [1, 60_000],
    queueLengthMax: [1, 100_000],
    batchTokensMax: [32, 65_536],
    microBatchTokensMax: [16, 8192],
    kvBytesMax: [mebibyte, 2 ** 50],
    hostCacheBytesMax: [0, 2 ** 50],
    threads: [1, 512],
    staticBatchSize: [1, 64],
    agingMs: [1, 3_600_000],
  };

/** Fills in defaults and checks every bound; throws `ENGINE_OPTION_INVALID` naming all that is wrong. */
export function resolveEngineOptions(options: EngineOptions): ResolvedEngineOptions {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Pick<ResolvedEngineOptions, 'modelPath'>;
  const asked: ResolvedEngineOptions = { ...defaultsFor(options.modelPath), ...given };
  const isStatic = asked.mode === 'static' || asked.mode === 'static-ragged';
  const resolved = isStatic ? { ...asked, reusesPrefixes: false } : asked;
  const problems = problemsOf(resolved);
  if (isStatic && resolved.layout !== 'streams') {
    problems.push(
      `layout is "${resolved.layout}", but mode "${resolved.mode}" allows only "streams"`,
    );
  }
  if (problems.length > 0) {
    throw new EngineError(`engine options: ${problems.join('; ')}`, {
      code: 'ENGINE_OPTION_INVALID',
    });
  }
  return Object.freeze(resolved);
}

function defaultsFor(modelPath: string): ResolvedEngineOptions {
  const memoryBytes = process.availableMemory();
  return {
    modelPath,
    modelId: modelIdOf(modelPath),
    mode: 'adaptive',
    layout: 'streams',
    sequencesMax: 64,
    contextTokensMax: engineBounds.contextTokensMax[1],
    tokenMsMax: 250,
    queueLengthMax: 1024,
    batchTokensMax: 8192,
    microBatchTokensMax: 512,
    kvBytesMax: Math.max(mebibyte, Math.floor(memoryBytes * 0.5)),
    hostCacheBytesMax: Math.min(512 * mebibyte, Math.floor(memoryBytes * 0.1)),
    isolatesTenants: false,
    reusesPrefixes: true,
    threads: availableParallelism(),
    staticBatchSize: 8,
    agingMs: 5000,
    accelerator: 'auto',
    clock: systemClock,
  };
}

function problemsOf(resolved: ResolvedEngineOptions): string[] {
  const problems: string[] = [];
  for (const [name, [least, most]] of Object.entries(engineBounds)) {
    const value = resolved[name as BoundedOption];
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    problems.push(`${name} is ${value}, allowed is a whole number from ${least} to ${most}`);
  }
  return problems;
}

function modelIdOf(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  return name.replace(/\.gguf$/i, '');
}
