import type { Cause } from '@millrace/attribution';
import type { Prng } from '@millrace/stdx';
import type { ProgramOptions } from './fault-world.ts';
import type { Witness } from './witness.ts';

/** One request to be made, with what goes wrong in it. */
export interface CasePlan {
  readonly protocol: 'http1' | 'http2';
  readonly wire: ProgramOptions;
  readonly server: ProgramOptions;
  readonly client: ProgramOptions;
  /** Bits a second that leave the server's machine. */
  readonly rate?: number;
  /** From the client's start to what is done from outside, in milliseconds. */
  readonly atMs?: number;
  readonly hogs?: { readonly count: number; readonly forUs: number; readonly realtime: 0 | 1 };
  readonly limit?: { readonly quotaUs: number; readonly forMs: number };
}

/** A kind of fault: which causes it has, none for a run without a fault, and how a seed makes a case of it. */
export interface FaultKind {
  readonly name: string;
  readonly causes: readonly Cause[];
  readonly plan: (random: Prng) => CasePlan;
  /** Whether it came about, by witnesses other than the probes: an outage, say, may end before any timer does. */
  readonly cameAbout?: (witness: Witness) => boolean;
}

const mark = '#mark#';
const tokens = 30;
/** What counts as felt. */
const feltNs = 40_000_000;

/** Every kind of fault that the rig can make. */
export const faultKinds: readonly FaultKind[] = [
  { name: 'none', causes: [], plan: (random) => calm(random) },
  {
    name: 'none-busy',
    causes: [],
    plan: (random) =>
      changed(calm(random), { server: { 'compute-us': between(random, 3_000, 8_000) } }),
  },
  {
    name: 'none-http2',
    causes: [],
    plan: (random) => http2(calm(random), {}),
  },
  {
    name: 'engine-pause',
    causes: ['engine'],
    plan: (random) => {
      const pause = random.below(2) === 0;
      const us = between(random, 150_000, 600_000);
      const server = pause
        ? { 'pause-at': middle(random), 'pause-us': us }
        : { 'extra-at': middle(random), 'extra-us': us };
      return changed(calm(random), { server });
    },
  },
  {
    name: 'engine-pause-http2',
    causes: ['engine'],
    plan: (random) =>
      http2(
        changed(calm(random), {
          server: { 'pause-at': middle(random), 'pause-us': between(random, 150_000, 600_000) },
        }),
        {},
      ),
  },
  {
    name: 'cpu-hog',
    causes: ['cpu_runqueue'],
    cameAbout: ({ runDelayNs }) => runDelayNs >= feltNs,
    plan: (random) => {
      const base = changed(calm(random), {
        server: { 'compute-us': between(random, 6_000, 10_000) },
      });
      const realtime = random.below(2) === 0 ? 1 : 0;
      const hogs = {
        count: realtime === 1 ? 1 : between(random, 10, 16),
        forUs: between(random, 300_000, 600_000),
        realtime,
      } as const;
      return { ...base, atMs: middleMs(random, base), hogs };
    },
  },
  {
    name: 'cpu-limit',
    causes: ['cpu_throttled'],
    cameAbout: ({ throttledNs }) => throttledNs >= feltNs,
    plan: (random) => {
      const base = changed(calm(random), {
        server: { 'compute-us': between(random, 6_000, 10_000) },
      });
      const limit = { quotaUs: between(random, 2_000, 6_000), forMs: between(random, 350, 700) };
      return { ...base, atMs: middleMs(random, base), limit };
    },
  },
  {
    name: 'outage',
    causes: ['net_rto'],
    cameAbout: ({ timeouts }) => timeouts > 0,
    plan: (random) => outage(random),
  },
  {
    name: 'loss-in-the-middle',
    causes: ['net_fast_retransmit'],
    cameAbout: ({ fastRetransmits, timeouts }) => fastRetransmits > 0 && timeouts === 0,
    plan: (random) =>
      changed(calm(random), {
        wire: { 'delay-us': between(random, 25_000, 50_000), mark, 'drop-times': 1 },
        server: {
          'gap-us': between(random, 6_000, 12_000),
          tokens: 60,
          mark,
          'mark-at': between(random, 20, 40),
        },
      }),
  },
  {
    name: 'loss-at-the-end',
    causes: ['net_tlp'],
    cameAbout: ({ tailProbes, fastRetransmits, timeouts }) =>
      tailProbes > 0 && fastRetransmits + timeouts === 0,
    plan: (random) =>
      changed(calm(random), {
        wire: { 'delay-us': between(random, 2_000, 15_000), mark, 'drop-times': 1 },
        server: { mark, 'mark-at': tokens - 1 },
      }),
  },
  {
    name: 'stopped-reader',
    causes: ['peer_zero_window'],
    cameAbout: ({ zeroWindows }) => zeroWindows > 0,
    plan: (random) => stoppedReader(random),
  },
  {
    name: 'small-receive-buffer',
    causes: ['peer_rwnd_limited'],
    cameAbout: ({ receiverLimitedNs }) => receiverLimitedNs >= feltNs,
    plan: (random) =>
      changed(calm(random), {
        wire: { 'delay-us': between(random, 20_000, 30_000) },
        server: { 'large-at': middle(random), 'large-bytes': between(random, 50_000, 90_000) },
        client: { rcvbuf: between(random, 4_000, 6_000) },
      }),
  },
  {
    name: 'small-send-buffer',
    causes: ['sndbuf_full'],
    cameAbout: ({ blockedNs }) => blockedNs >= feltNs,
    plan: (random) =>
      changed(calm(random), {
        wire: { 'delay-us': between(random, 15_000, 25_000) },
        server: {
          sndbuf: 8_192,
          'large-at': middle(random),
          'large-bytes': between(random, 300_000, 600_000),
        },
      }),
  },
  {
    name: 'slow-local-queue',
    causes: ['qdisc_local'],
    plan: (random) => ({
      ...changed(calm(random), {
        wire: { 'delay-us': between(random, 1_000, 5_000) },
        server: { 'large-at': middle(random), 'large-bytes': between(random, 40_000, 80_000) },
      }),
      rate: between(random, 800_000, 1_500_000),
    }),
  },
  {
    name: 'client-leaves',
    causes: ['peer_cancel'],
    plan: (random) => {
      const at = middle(random);
      return changed(calm(random), {
        server: { 'pause-at': at + 2, 'pause-us': between(random, 150_000, 500_000) },
        client: { 'leave-at': at, reset: random.below(2) },
      });
    },
  },
  {
    name: 'http2-cancel',
    causes: ['peer_cancel'],
    plan: (random) => {
      const at = middle(random);
      const us = between(random, 250_000, 500_000);
      const plan = http2(
        changed(calm(random), { server: { 'block-at': at + 1, 'block-us': us } }),
        {
          hold: 'cancel',
          'hold-at': at,
          'stay-us': us + 100_000,
        },
      );
      // Given up when the server has begun to compute and cannot learn of it.
      const gapUs = Number(plan.server['gap-us']);
      return {
        ...plan,
        client: { ...plan.client, 'hold-us': gapUs + between(random, 10_000, 60_000) },
      };
    },
  },
  {
    name: 'http2-stream-window',
    causes: ['h2_stream_window'],
    plan: (random) =>
      http2(calm(random), {
        hold: 'stream',
        'hold-at': middle(random),
        'hold-us': between(random, 400_000, 800_000),
      }),
  },
  {
    name: 'http2-connection-window',
    causes: ['h2_conn_window'],
    plan: (random) =>
      http2(calm(random), {
        hold: 'connection',
        'hold-at': middle(random),
        'hold-us': between(random, 300_000, 700_000),
      }),
  },
  {
    name: 'http2-deadlock',
    causes: ['flow_control_deadlock'],
    plan: (random) =>
      http2(calm(random), {
        hold: 'forever',
        'hold-at': middle(random),
        'hold-us': between(random, 900_000, 1_400_000),
      }),
  },
  {
    name: 'outage+engine-pause',
    causes: ['net_rto', 'engine'],
    cameAbout: ({ timeouts }) => timeouts > 0,
    plan: (random) => {
      const base = outage(random, between(random, 4, 8));
      return changed(base, {
        server: {
          tokens: 140,
          'pause-at': between(random, 125, 130),
          'pause-us': between(random, 300_000, 600_000),
        },
      });
    },
  },
  {
    name: 'stopped-reader+cpu-hog',
    causes: ['peer_zero_window', 'cpu_runqueue'],
    cameAbout: ({ zeroWindows, runDelayNs }) => zeroWindows > 0 && runDelayNs >= feltNs,
    plan: (random) => {
      const base = changed(stoppedReader(random, between(random, 4, 8)), {
        server: { tokens: 90, 'compute-us': 3_000 },
      });
      const gapMs = Number(base.server['gap-us']) / 1_000;
      return {
        ...base,
        atMs: gapMs * between(random, 60, 70),
        hogs: { count: 1, forUs: between(random, 300_000, 600_000), realtime: 1 },
      };
    },
  },
  {
    name: 'cpu-limit+loss-at-the-end',
    causes: ['cpu_throttled', 'net_tlp'],
    cameAbout: ({ throttledNs, tailProbes, timeouts }) =>
      throttledNs >= feltNs && tailProbes > 0 && timeouts === 0,
    plan: (random) => {
      const base = changed(calm(random), {
        wire: { 'delay-us': between(random, 2_000, 15_000), mark, 'drop-times': 1 },
        server: { 'compute-us': between(random, 6_000, 10_000), mark, 'mark-at': tokens - 1 },
      });
      const limit = { quotaUs: between(random, 2_000, 4_000), forMs: between(random, 200, 350) };
      return {
        ...base,
        atMs: (Number(base.server['gap-us']) / 1_000) * between(random, 4, 8),
        limit,
      };
    },
  },
];

function calm(random: Prng): CasePlan {
  return {
    protocol: 'http1',
    wire: { 'delay-us': between(random, 2_000, 20_000) },
    server: { tokens, 'gap-us': between(random, 15_000, 25_000), bytes: between(random, 4, 80) },
    client: {},
  };
}

function outage(random: Prng, at = middle(random)): CasePlan {
  return changed(calm(random), {
    wire: {
      'delay-us': between(random, 2_000, 20_000),
      mark,
      'outage-us': between(random, 600_000, 1_000_000),
    },
    server: { mark, 'mark-at': at },
  });
}

function stoppedReader(random: Prng, at = middle(random)): CasePlan {
  return changed(calm(random), {
    // Near enough that the small buffer is no limit by itself.
    wire: { 'delay-us': between(random, 1_000, 4_000) },
    server: { bytes: between(random, 2_500, 3_500), tokens: 40 },
    client: { rcvbuf: 4_096, 'stop-at': at, 'stop-us': between(random, 500_000, 900_000) },
  });
}

function http2(base: CasePlan, client: ProgramOptions): CasePlan {
  return { ...base, protocol: 'http2', client: { ...base.client, ...client } };
}

type Changes = Partial<Pick<CasePlan, 'wire' | 'server' | 'client'>>;

function changed(plan: CasePlan, changes: Changes): CasePlan {
  return {
    ...plan,
    wire: { ...plan.wire, ...changes.wire },
    server: { ...plan.server, ...changes.server },
    client: { ...plan.client, ...changes.client },
  };
}

function middle(random: Prng): number {
  return between(random, 10, 20);
}

function middleMs(random: Prng, { server }: CasePlan): number {
  return (Number(server['gap-us']) / 1_000) * between(random, 8, 14);
}

function between(random: Prng, least: number, most: number): number {
  return least + random.below(most - least + 1);
}
