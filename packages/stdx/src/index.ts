export { assert, assertDefined, AssertionError, assertNever } from './assert.ts';
export { type Clock, HeldClock, systemClock, type Timer, VirtualClock } from './clock.ts';
export { FaultError, type FaultOptions, messageOf, UnsupportedError } from './errors.ts';
export { firstIndex } from './first-index.ts';
export { type Prng, randomSeed, seededPrng } from './prng.ts';
