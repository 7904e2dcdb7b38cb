import type { EvidenceItem } from '../evidence/evidence.ts';
import type { Recovery } from '../evidence/recoveries.ts';
import type { Cover, Interval } from '../timeline/interval.ts';
import type { Scene } from './scene.ts';

/** Why time passed. Exclusive: each nanosecond of a gap has one. */
export type Cause =
  | 'engine'
  | 'cpu_runqueue'
  | 'cpu_throttled'
  | 'sndbuf_full'
  | 'net_rto'
  | 'net_fast_retransmit'
  | 'net_tlp'
  | 'peer_zero_window'
  | 'peer_rwnd_limited'
  | 'qdisc_local'
  | 'h2_stream_window'
  | 'h2_conn_window'
  | 'flow_control_deadlock'
  | 'peer_cancel'
  | 'unknown'
  | 'incomplete';

/** Time that a cause asks for, with what speaks for it. */
export interface Claim extends Interval {
  readonly item?: EvidenceItem;
}

/** One cause: what time it asks for, and in which part of the request it may have it. */
export interface CauseRule {
  readonly cause: Cause;
  readonly claims: (scene: Scene) => readonly Claim[];
  readonly room: (scene: Scene) => Cover;
}

const nothing: readonly Claim[] = [];

/** The items of one kind, each as a claim to its own time. */
export function claimsOf<K extends EvidenceItem['kind']>(
  scene: Scene,
  kind: K,
  isMeant: (item: Extract<EvidenceItem, { kind: K }>) => boolean = () => true,
): readonly Claim[] {
  if (scene.items.length === 0) return nothing;
  return scene.items
    .filter((item): item is Extract<EvidenceItem, { kind: K }> => item.kind === kind)
    .filter(isMeant)
    .map((item) => ({ startNs: item.startNs, endNs: item.endNs, item }));
}

/** The recoveries that one kind of retransmission began. */
export function recoveryClaims(
  scene: Scene,
  trigger: Recovery['item']['trigger'],
): readonly Claim[] {
  if (scene.recoveries.length === 0) return nothing;
  return scene.recoveries.filter(({ item }) => item.trigger === trigger);
}
