import { coverOf } from '../timeline/interval.ts';
import { type CauseRule, claimsOf } from './cause.ts';

/** The server wanted to run and other work had the CPU. */
export const cpuRunqueue: CauseRule = {
  cause: 'cpu_runqueue',
  claims: (scene) => claimsOf(scene, 'run_queue'),
  room: ({ phases }) => coverOf([...phases.serving, ...phases.writing]),
};
