import { coverOf } from '../timeline/interval.ts';
import { type CauseRule, claimsOf } from './cause.ts';

/** The server wanted to run and its cgroup's CPU limit did not let it. */
export const cpuThrottled: CauseRule = {
  cause: 'cpu_throttled',
  claims: (scene) => claimsOf(scene, 'throttled'),
  room: ({ phases }) => coverOf([...phases.serving, ...phases.writing]),
};
