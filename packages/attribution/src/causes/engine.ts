import type { CauseRule } from './cause.ts';

/**
 * Nothing held the server back and it had not written: it was computing, or waiting for its own. That is a conclusion
 * from what is absent, so it is drawn only where the scheduler, and for HTTP/2 flow control too, were watched.
 */
export const engine: CauseRule = {
  cause: 'engine',
  claims: ({ phases, watched, timeline }) => {
    const wasWatched =
      watched.has('scheduler') && (timeline.streamId === undefined || watched.has('flow_control'));
    return wasWatched ? phases.serving : [];
  },
  room: ({ phases }) => phases.serving,
};
