import type { OutputWrite } from '../timeline/timeline.ts';
import { type Claim, type CauseRule, claimsOf } from './cause.ts';

/** Data waited in this machine's own queue, or took the short way through its stack that every write takes. */
export const qdiscLocal: CauseRule = {
  cause: 'qdisc_local',
  claims: (scene) => [
    ...claimsOf(scene, 'local_queue'),
    ...scene.timeline.writes.flatMap((write) => ownWay(write, scene.options.localStackNsMax)),
  ],
  room: ({ inStack }) => inStack,
};

// A write that takes as long as one that blocks is no short way: what held it has to be shown.
function ownWay(write: OutputWrite, localStackNsMax: number): readonly Claim[] {
  const { startNs, endNs, queuedNs, sentNs } = write;
  const leftNs = sentNs ?? endNs;
  const isShort = leftNs - startNs <= localStackNsMax;
  const queued = queuedNs === undefined || sentNs === undefined ? [] : [{ queuedNs, sentNs }];
  return [
    ...(isShort
      ? [{ startNs, endNs: Math.max(leftNs, Math.min(endNs, startNs + localStackNsMax)) }]
      : []),
    ...queued.map((wait) => ({ startNs: wait.queuedNs, endNs: wait.sentNs })),
  ];
}
