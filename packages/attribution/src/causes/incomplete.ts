import { type CauseRule, claimsOf } from './cause.ts';

/** Events were lost, so that nothing else can be said of this time. */
export const incomplete: CauseRule = {
  cause: 'incomplete',
  claims: (scene) => [...claimsOf(scene, 'events_lost'), ...(scene.timeline.missing ?? [])],
  room: ({ whole }) => whole,
};
