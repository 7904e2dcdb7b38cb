import { type CauseRule, claimsOf } from './cause.ts';

/** The window of the whole HTTP/2 connection was used up. */
export const h2ConnWindow: CauseRule = {
  cause: 'h2_conn_window',
  claims: (scene) => claimsOf(scene, 'h2_window', ({ window }) => window === 'connection'),
  room: ({ phases }) => phases.serving,
};
