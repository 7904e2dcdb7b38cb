import { coverOf } from '../timeline/interval.ts';
import { type CauseRule, claimsOf } from './cause.ts';

/** The socket's send buffer took no more, and nothing further down says why. */
export const sndbufFull: CauseRule = {
  cause: 'sndbuf_full',
  claims: (scene) => [...claimsOf(scene, 'write_blocked'), ...claimsOf(scene, 'sndbuf_limited')],
  room: ({ phases }) => coverOf([...phases.serving, ...phases.writing]),
};
