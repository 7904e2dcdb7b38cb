import type { OutputWrite } from '../timeline/timeline.ts';
import { type Claim, type CauseRule, claimsOf } from './cause.ts';

/** Data waited in this machine's own queue, or took the short way through its stack that every write takes. */
export const qdiscLocal: CauseRule = {
  cause: 'qdisc_local',
  claims: (scene) => {
    const claims: Claim[] = [...claimsOf(scene, 'local_queue')];
    for (const write of scene.timeline.writes)
      addOwnWay(claims, write, scene.options.localStackNsMax);
    return claims;
  },
  room: ({ inStack }) => inStack,
};

// A write that takes as long as one that blocks is no short way: what held it has to be shown.
function addOwnWay(claims: Claim[], write: OutputWrite, localStackNsMax: number): void {
  const { startNs, endNs, queuedNs, sentNs } = write;
  const leftNs = sentNs ?? endNs;
  if (leftNs - startNs <= localStackNsMax)
    claims.push({ startNs, endNs: Math.max(leftNs, Math.min(endNs, startNs + localStackNsMax)) });
  if (queuedNs !== undefined && sentNs !== undefined)
    claims.push({ startNs: queuedNs, endNs: sentNs });
}
