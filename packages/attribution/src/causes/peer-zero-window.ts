import { type CauseRule, claimsOf } from './cause.ts';

/** The peer has stopped reading: its window is zero. Retransmissions meanwhile are probes and not losses. */
export const peerZeroWindow: CauseRule = {
  cause: 'peer_zero_window',
  claims: (scene) => claimsOf(scene, 'zero_window'),
  room: ({ inStack }) => inStack,
};
