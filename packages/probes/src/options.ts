import { ProbesError } from './errors.ts';

/** Bounds of what is kept while requests are put together. */
export interface AssemblyOptions {
  /** Connections that are followed at once; the one that was quiet longest leaves. */
  readonly connectionsMax?: number;
  /** Requests of one connection that are followed at once; at the bound the oldest is closed as incomplete. */
  readonly requestsPerConnectionMax?: number;
  /** Outputs of one request that are kept one by one; further ones are only counted. */
  readonly outputsPerRequestMax?: number;
  /** Bytes of a message's head; a connection with a longer one is left alone until its next request. */
  readonly headBytesMax?: number;
  /** Bytes of one event of an answer that are looked at. */
  readonly answerEventBytesMax?: number;
  /** Bytes of a prompt that its hash covers. */
  readonly promptHashBytesMax?: number;
}

/** Options of assembly, filled. */
export type AssemblyBounds = Readonly<Required<AssemblyOptions>>;

const bounds = {
  connectionsMax: { least: 1, most: 1_000_000, byDefault: 16_384 },
  requestsPerConnectionMax: { least: 1, most: 4096, byDefault: 256 },
  outputsPerRequestMax: { least: 1, most: 1_000_000, byDefault: 16_384 },
  headBytesMax: { least: 256, most: 1_048_576, byDefault: 32_768 },
  answerEventBytesMax: { least: 256, most: 1_048_576, byDefault: 8192 },
  promptHashBytesMax: { least: 64, most: 1_048_576, byDefault: 16_384 },
} as const;

/** Fills, checks and freezes the options of assembly. Throws `PROBES_OPTION_INVALID`. */
export function resolveAssemblyOptions(options: AssemblyOptions = {}): AssemblyBounds {
  return Object.freeze({
    connectionsMax: bounded('connectionsMax', options),
    requestsPerConnectionMax: bounded('requestsPerConnectionMax', options),
    outputsPerRequestMax: bounded('outputsPerRequestMax', options),
    headBytesMax: bounded('headBytesMax', options),
    answerEventBytesMax: bounded('answerEventBytesMax', options),
    promptHashBytesMax: bounded('promptHashBytesMax', options),
  });
}

function bounded(name: keyof typeof bounds, options: AssemblyOptions): number {
  const { least, most, byDefault } = bounds[name];
  const value = options[name] ?? byDefault;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ProbesError(
    `assemble requests: ${name} is ${value}; it is an integer from ${least} to ${most}`,
    { code: 'PROBES_OPTION_INVALID' },
  );
}
