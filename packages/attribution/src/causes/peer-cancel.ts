import type { CauseRule } from './cause.ts';

/** The peer had gone; whatever the server did after that, nobody waited for. */
export const peerCancel: CauseRule = {
  cause: 'peer_cancel',
  claims: ({ departure, gaps }) =>
    departure === undefined
      ? []
      : [{ startNs: departure.startNs, endNs: gaps.at(-1)?.endNs ?? 0, item: departure }],
  room: ({ whole }) => whole,
};
