import type { CauseRule } from './cause.ts';
import { cpuRunqueue } from './cpu-runqueue.ts';
import { cpuThrottled } from './cpu-throttled.ts';
import { engine } from './engine.ts';
import { flowControlDeadlock } from './flow-control-deadlock.ts';
import { h2ConnWindow } from './h2-conn-window.ts';
import { h2StreamWindow } from './h2-stream-window.ts';
import { incomplete } from './incomplete.ts';
import { netFastRetransmit } from './net-fast-retransmit.ts';
import { netRto } from './net-rto.ts';
import { netTlp } from './net-tlp.ts';
import { peerCancel } from './peer-cancel.ts';
import { peerRwndLimited } from './peer-rwnd-limited.ts';
import { peerZeroWindow } from './peer-zero-window.ts';
import { qdiscLocal } from './qdisc-local.ts';
import { sndbufFull } from './sndbuf-full.ts';
import { unknown } from './unknown.ts';

/**
 * Who has a moment that several causes claim: the first of them. What ends all knowledge or all interest comes first;
 * then what lies deepest, because it brings about what lies above it (a peer that stops reading fills the send buffer,
 * a loss keeps HTTP/2 windows shut); the server's own CPU only while nothing held its output; then what remains.
 */
export const precedence: readonly CauseRule[] = [
  incomplete,
  peerCancel,
  qdiscLocal,
  peerZeroWindow,
  netRto,
  netTlp,
  netFastRetransmit,
  peerRwndLimited,
  sndbufFull,
  flowControlDeadlock,
  h2ConnWindow,
  h2StreamWindow,
  cpuThrottled,
  cpuRunqueue,
  engine,
  unknown,
];
