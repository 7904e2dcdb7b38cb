import { availableParallelism } from 'node:os';
import type { Settings } from '../config/settings.ts';

/** Most lanes of one gateway. */
export const lanesMax = 256;

/** One per core that this process may use. */
export function lanesByDefault(): number {
  return Math.min(lanesMax, availableParallelism());
}

/**
 * Before an engine of our own the cores are the engine's: two lanes relay far more than it computes, and when one of
 * them ends the other goes on.
 */
export function lanesBeforeOwnEngine(): number {
  return Math.min(2, availableParallelism());
}

/** How many lanes are asked for: the flag goes before what else was said. */
export function laneCount(settings: Settings, otherwise: number): number {
  return Number(settings.values.get('lanes') ?? otherwise);
}
