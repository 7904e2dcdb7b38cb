import { type CauseRule, claimsOf } from './cause.ts';

/** The window of the request's own HTTP/2 stream was used up. */
export const h2StreamWindow: CauseRule = {
  cause: 'h2_stream_window',
  claims: (scene) => claimsOf(scene, 'h2_window', ({ window }) => window === 'stream'),
  room: ({ phases }) => phases.serving,
};
