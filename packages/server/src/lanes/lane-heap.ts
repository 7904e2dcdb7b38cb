import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/** Most memory of a lane's own heap, in MB; buffers of requests and answers are outside of it. */
export const laneHeapLimits: ResourceLimits = {
  maxOldGenerationSizeMb: 512,
  maxYoungGenerationSizeMb: 24,
};

/**
 * Has what threads allocate from now on begin its life in young memory. V8 else watches, for each place in the code that
 * makes objects, how many of them survive a collection, and where that are many makes the next ones in old memory. What a
 * request has survives now and then because it is under way, not because it will live long; once one of its objects is
 * made old, it holds all others until old memory is collected, so that more survive, and that goes on by itself. To be
 * called before the code of lanes is compiled.
 */
export function makeNothingOld(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
