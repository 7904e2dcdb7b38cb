import type { Figure } from '../report/report.ts';
import { compileRig } from '../rig/compile-rig.ts';
import { millraceProxySide, oneLaneSide, twoLanesSide } from '../sides/millrace-proxy-side.ts';
import { whyNotPinned } from '../sides/pinned.ts';
import { portkeySide } from '../sides/portkey-side.ts';
import { directSide, haproxySide, nginxSide, type ProxySide } from '../sides/proxy-side.ts';
import { envoySide, smgSide, vllmRouterSide } from '../sides/wheel-sides.ts';
import type { Comparison } from './comparison.ts';
import { addedLatency, gatewayGoals } from './gateway-goals.ts';
import { type GatewayLoad, gatewayLoads, worldsOf } from './gateway-loads.ts';
import { measureWorld } from './gateway-world.ts';

/** How long and how often proxies are measured. */
export interface GatewayBenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Sides and loads by name; none of a kind means all of it. */
  readonly only: readonly string[];
  readonly onProgress: (text: string) => void;
}

const sides: readonly ProxySide[] = [
  directSide,
  nginxSide,
  haproxySide,
  millraceProxySide,
  oneLaneSide,
  twoLanesSide,
  envoySide,
  vllmRouterSide,
  smgSide,
  portkeySide,
];

/** The sides and loads that can be named to measure only those. */
export const gatewayChoices: readonly string[] = [
  ...sides.map(({ name }) => name),
  ...gatewayLoads.map(({ word }) => word),
];

/** Those named; where none of a kind is, all of it. The rig itself is always among the sides: latency is set against it. */
export function chooseGatewayParts(only: readonly string[]): {
  readonly sides: readonly ProxySide[];
  readonly loads: readonly GatewayLoad[];
} {
  const someSides = sides.filter(({ name }) => only.includes(name));
  const someLoads = gatewayLoads.filter(({ word }) => only.includes(word));
  return {
    sides:
      someSides.length === 0 ? sides : [directSide, ...someSides.filter((it) => it !== directSide)],
    loads: someLoads.length === 0 ? gatewayLoads : someLoads,
  };
}

/** What proxies cost and add, all in turn in every load. */
export async function measureGateways(options: GatewayBenchOptions): Promise<Comparison> {
  const rig = compileRig();
  if ('unavailable' in rig) return { figures: [], goals: [], notes: [rig.unavailable] };
  const values = new Map<string, number[]>();
  const notes = new Set<string>();
  const shared = whyNotPinned();
  if (shared !== undefined) notes.add(shared);
  const chosen = chooseGatewayParts(options.only);
  const take = (load: string, side: string) => (name: string, value: number) => {
    const key = `${load}|${side}|${name}`;
    values.set(key, [...(values.get(key) ?? []), value]);
  };
  for (let round = 0; round < options.rounds; round++)
    for (const world of worldsOf(chosen.loads))
      await measureWorld(world, chosen.sides, {
        rig,
        seconds: options.seconds,
        take,
        note: (text) => notes.add(text),
        onProgress: (text) =>
          options.onProgress(`round ${round + 1} of ${options.rounds}: ${text}`),
      });
  const figures = [...values].map(([key, list]): Figure => {
    const [comparison = '', side = '', name = ''] = key.split('|');
    return { comparison, side, name, values: list };
  });
  return {
    figures: [...figures, ...addedLatency(figures)],
    goals: gatewayGoals(figures),
    notes: [...notes],
  };
}
