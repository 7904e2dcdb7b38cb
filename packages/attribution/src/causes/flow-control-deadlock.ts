import { type CauseRule, claimsOf } from './cause.ts';

/** HTTP/2 flow control cannot come loose by itself. */
export const flowControlDeadlock: CauseRule = {
  cause: 'flow_control_deadlock',
  claims: (scene) => claimsOf(scene, 'h2_deadlock'),
  room: ({ phases }) => phases.serving,
};
