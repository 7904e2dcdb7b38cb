import { type CauseRule, claimsOf } from './cause.ts';

/** The peer reads, but slower than the server writes: its window lets no more go. */
export const peerRwndLimited: CauseRule = {
  cause: 'peer_rwnd_limited',
  claims: (scene) => claimsOf(scene, 'rwnd_limited'),
  room: ({ inStack }) => inStack,
};
