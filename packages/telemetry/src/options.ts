import { TelemetryError } from './errors.ts';

/** Bounds of a registry. */
export interface RegistryOptions {
  /** Label sets that one metric keeps apart; all further ones share one overflow series. */
  readonly labelSetsMax?: number;
  /** Characters of a label's value; what is longer is cut. */
  readonly labelValueCharactersMax?: number;
}

const bounds = {
  labelSetsMax: { least: 1, most: 100_000, byDefault: 256 },
  labelValueCharactersMax: { least: 8, most: 4_096, byDefault: 128 },
} as const;

/** Fills, checks and freezes the options of a registry. */
export function resolveRegistryOptions(options: RegistryOptions): Required<RegistryOptions> {
  return Object.freeze({
    labelSetsMax: bounded('labelSetsMax', options.labelSetsMax),
    labelValueCharactersMax: bounded('labelValueCharactersMax', options.labelValueCharactersMax),
  });
}

function bounded(name: keyof typeof bounds, given: number | undefined): number {
  const { least, most, byDefault } = bounds[name];
  const value = given ?? byDefault;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new TelemetryError(
    `create registry: ${name} is ${value}; it is an integer from ${least} to ${most}`,
    {
      code: 'TELEMETRY_OPTION_INVALID',
    },
  );
}
