import { type CauseRule, recoveryClaims } from './cause.ts';

/** The end of what was sent was lost, and a tail loss probe repaired it. */
export const netTlp: CauseRule = {
  cause: 'net_tlp',
  claims: (scene) => recoveryClaims(scene, 'tlp'),
  room: ({ inStack }) => inStack,
};
