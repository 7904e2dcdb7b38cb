import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/**
 * Most memory of a lane's own heap, in MB; buffers of requests and answers are outside of it. What the requests under
 * way keep survives every collection of young memory however large that is: twice as much is collected half as often.
 */
export const laneHeapLimits: ResourceLimits = {
  maxOldGenerationSizeMb: 512,
  maxYoungGenerationSizeMb: 48,
};

/**
 * Has every thread collect its young memory by itself, from now on. V8 else wakes helper threads for each collection,
 * which where lanes have the cores only take turns with them. Marking of old memory stays with the helpers: of the flags
 * that would end that, one ends a running process, and another costs some 30 MB.
 */
export function collectYoungAlone(): void {
  setFlagsFromString('--no-parallel-scavenge');
}
