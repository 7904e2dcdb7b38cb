import type { RigOptions } from '../rig/rig-process.ts';
import { goalLoads } from './gateway-goals.ts';

/** One load that proxies are measured under. */
export interface GatewayLoad {
  /** What `--only` calls it. */
  readonly word: string;
  readonly name: string;
  /** Of the rig's client. */
  readonly settings: RigOptions;
  /** Of the rig's upstream, where they are not its defaults. */
  readonly upstream?: RigOptions;
  /** The proxy speaks TLS with its upstream. */
  readonly isTls?: boolean;
  /** Streams are begun and then only held: what each of them takes is measured. */
  readonly isHeld?: boolean;
  /** Clients at once, where they are many more than usual. */
  readonly clients?: number;
  /** Until the window opens. */
  readonly warmMs?: number;
  /** Those that it is for, by name; absent: all. */
  readonly sides?: readonly string[];
}

const unary = { 'expect-bytes': 1024 };
const manyClients = 10_000;
const manyEvents = 16;
/** Written for so many connections; the others are made for fewer, or say that they cannot. */
const sidesForMany = ['nginx', 'haproxy', 'envoy', 'millrace'];

export const gatewayLoads: readonly GatewayLoad[] = [
  { word: 'unary', name: goalLoads.unary, settings: unary },
  {
    word: 'unary-4k',
    name: 'unary 4 KB, saturated',
    settings: { ...unary, 'body-bytes': 4096 },
  },
  {
    word: 'unary-400k',
    name: goalLoads.large,
    settings: { ...unary, 'body-bytes': 400_000 },
  },
  { word: 'rate', name: goalLoads.steady, settings: { ...unary, rate: 1000 } },
  {
    word: 'streams',
    name: goalLoads.streams,
    settings: { 'expect-events': 128, stream: 1, connections: 50 },
  },
  {
    word: 'tls',
    name: goalLoads.tls,
    settings: unary,
    isTls: true,
    sides: sidesForMany,
  },
  {
    word: 'streams-10k',
    name: goalLoads.many,
    settings: { 'expect-events': manyEvents, stream: 1, connections: manyClients },
    upstream: { events: manyEvents, 'gap-us': 1_000_000, 'jitter-us': 500_000 },
    clients: manyClients,
    warmMs: 8000,
    sides: sidesForMany,
  },
  {
    word: 'idle',
    name: goalLoads.idle,
    settings: { stream: 1, hold: 1, connections: manyClients },
    upstream: { events: 2, 'gap-us': 600_000_000 },
    clients: manyClients,
    isHeld: true,
    sides: sidesForMany,
  },
];

/** Loads that go to one start of the proxies and their upstream, in their order. */
export function worldsOf(loads: readonly GatewayLoad[]): readonly (readonly GatewayLoad[])[] {
  const worlds = Map.groupBy(loads, ({ upstream, isTls, clients }) =>
    JSON.stringify([upstream, isTls, clients]),
  );
  return [...worlds.values()];
}
