import { type Clock, type Prng, randomSeed, seededPrng, systemClock } from '@millrace/stdx';
import { EngineError } from '../errors.ts';
import type { ServedEngine } from './served-engine.ts';

/** Where to listen: a Unix socket, or a TCP address whose port may be 0. */
export type ListenAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** What `serveEngine` takes. Every number is checked against `serverBounds`. */
export interface EngineServerOptions {
  readonly engine: ServedEngine;
  readonly listen: ListenAddress;
  readonly bodyBytesMax?: number | undefined;
  readonly headerBytesMax?: number | undefined;
  /** A request must have arrived after this long, its body included. */
  readonly arrivalMsMax?: number | undefined;
  /** A connection without a request is closed after this long. */
  readonly keepAliveMs?: number | undefined;
  readonly connectionsMax?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly prng?: Prng | undefined;
  /** Told of faults that a client sees as a status 500. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** Options with nothing left open. */
export type ResolvedServerOptions = {
  readonly [Key in keyof EngineServerOptions]-?: Exclude<EngineServerOptions[Key], undefined>;
};

/** The numeric options. */
export type BoundedServerOption =
  | 'arrivalMsMax'
  | 'bodyBytesMax'
  | 'connectionsMax'
  | 'headerBytesMax'
  | 'keepAliveMs';

const mebibyte = 2 ** 20;

/** The bounds of every numeric option, inclusive. */
export const serverBounds: Readonly<
  Record<BoundedServerOption, readonly [least: number, most: number]>
> = {
  arrivalMsMax: [100, 3_600_000],
  bodyBytesMax: [1024, 1024 * mebibyte],
  connectionsMax: [1, 65_536],
  headerBytesMax: [1024, mebibyte],
  keepAliveMs: [1, 3_600_000],
};

/** Fills in defaults and checks every bound; throws `ENGINE_OPTION_INVALID` naming all that is wrong. */
export function resolveServerOptions(options: EngineServerOptions): ResolvedServerOptions {
  const resolved: ResolvedServerOptions = {
    engine: options.engine,
    listen: options.listen,
    bodyBytesMax: options.bodyBytesMax ?? 16 * mebibyte,
    headerBytesMax: options.headerBytesMax ?? 16_384,
    arrivalMsMax: options.arrivalMsMax ?? 60_000,
    keepAliveMs: options.keepAliveMs ?? 75_000,
    connectionsMax: options.connectionsMax ?? 4096,
    clock: options.clock ?? systemClock,
    prng: options.prng ?? seededPrng(randomSeed()),
    onFault: options.onFault ?? (() => undefined),
  };
  checkBounds(resolved);
  return Object.freeze(resolved);
}

function checkBounds(resolved: ResolvedServerOptions): void {
  const problems: string[] = [];
  for (const [name, [least, most]] of Object.entries(serverBounds)) {
    const value = resolved[name as BoundedServerOption];
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    problems.push(`${name} is ${value}, allowed is a whole number from ${least} to ${most}`);
  }
  if (problems.length === 0) return;
  throw new EngineError(`server options: ${problems.join('; ')}`, {
    code: 'ENGINE_OPTION_INVALID',
  });
}
