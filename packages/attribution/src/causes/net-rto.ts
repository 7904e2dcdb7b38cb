import { type CauseRule, recoveryClaims } from './cause.ts';

/** Data was lost, and only the retransmission timer repaired it; a tail probe that failed before belongs to the wait. */
export const netRto: CauseRule = {
  cause: 'net_rto',
  claims: (scene) => recoveryClaims(scene, 'rto'),
  room: ({ inStack }) => inStack,
};
