import { type CauseRule, recoveryClaims } from './cause.ts';

/** Data was lost in the middle, and duplicate acknowledgements repaired it. */
export const netFastRetransmit: CauseRule = {
  cause: 'net_fast_retransmit',
  claims: (scene) => recoveryClaims(scene, 'fast'),
  room: ({ inStack }) => inStack,
};
