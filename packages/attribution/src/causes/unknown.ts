import type { CauseRule } from './cause.ts';

/** Nothing that was seen explains this time. */
export const unknown: CauseRule = {
  cause: 'unknown',
  claims: ({ whole }) => whole,
  room: ({ whole }) => whole,
};
