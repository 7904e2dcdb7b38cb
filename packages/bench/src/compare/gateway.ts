import type { Figure } from '../report/report.ts';
import { compileRig, type RigPrograms } from '../rig/compile-rig.ts';
import { startUpstream } from '../rig/rig-process.ts';
import { millraceProxySide, oneLaneSide, twoLanesSide } from '../sides/millrace-proxy-side.ts';
import { whyNotPinned } from '../sides/pinned.ts';
import { portkeySide } from '../sides/portkey-side.ts';
import {
  directSide,
  haproxySide,
  nginxSide,
  type ProxySide,
  type RunningProxy,
} from '../sides/proxy-side.ts';
import { startTlsTerminator } from '../sides/tls-terminator.ts';
import { envoySide, smgSide, vllmRouterSide } from '../sides/wheel-sides.ts';
import type { Comparison } from './comparison.ts';
import { addedLatency, gatewayGoals } from './gateway-goals.ts';
import { type GatewayLoad, gatewayLoads, loadsByWorld } from './gateway-loads.ts';
import { heldStreams, measureLoad } from './measure-load.ts';

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

/** What proxies cost and add, one at a time in turn, each round in every load. */
export async function measureGateways(options: GatewayBenchOptions): Promise<Comparison> {
  const rig = compileRig();
  if ('unavailable' in rig) return { figures: [], goals: [], notes: [rig.unavailable] };
  const values = new Map<string, number[]>();
  const notes = new Set<string>();
  const shared = whyNotPinned();
  if (shared !== undefined) notes.add(shared);
  const chosen = chooseGatewayParts(options.only);
  for (let round = 0; round < options.rounds; round++)
    for (const side of chosen.sides) {
      options.onProgress(`round ${round + 1} of ${options.rounds}: ${side.name}`);
      for (const [key, value, problem] of await measureSide(side, rig, options)) {
        if (problem !== undefined) notes.add(problem);
        else values.set(key, [...(values.get(key) ?? []), value]);
      }
    }
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

type Measured = readonly [key: string, value: number, problem?: string];

async function measureSide(
  side: ProxySide,
  rig: RigPrograms,
  options: GatewayBenchOptions,
): Promise<readonly Measured[]> {
  const found: Measured[] = [];
  for (const world of loadsByWorld(chooseGatewayParts(options.only).loads, side.name)) {
    const [first] = world;
    if (first === undefined) continue;
    await using parts = new AsyncDisposableStack();
    const running = await startWorld(side, rig, { load: first, parts });
    if ('unavailable' in running) {
      const of = world.map(({ word }) => word).join(', ');
      found.push(['', 0, `${side.name} left out of ${of}: ${running.unavailable}`]);
      continue;
    }
    for (const load of world) {
      const figures = await measureLoad(running, load, { ...options, client: rig.client });
      if ('problem' in figures)
        found.push(['', 0, `${side.name}, ${load.name}: ${figures.problem}`]);
      else
        for (const [name, value] of figures)
          found.push([`${load.name}|${side.name}|${name}`, value]);
    }
  }
  return found;
}

/** The upstream of the rig as a load wants it, and the proxy before it. */
async function startWorld(
  side: ProxySide,
  rig: RigPrograms,
  { load, parts }: { readonly load: GatewayLoad; readonly parts: AsyncDisposableStack },
): Promise<RunningProxy | { readonly unavailable: string }> {
  const upstream = parts.use(await startUpstream(rig.upstream, load.upstream));
  let { port } = upstream;
  let tlsCertFile: string | undefined;
  if (load.isTls === true) {
    const terminator = await startTlsTerminator(port);
    if ('unavailable' in terminator) return terminator;
    parts.use(terminator);
    ({ port, certFile: tlsCertFile } = terminator);
  }
  // Some refuse to start where they cannot have the files for all clients that they are told of.
  const clients = load.isHeld === true ? heldStreams(load) : load.clients;
  const started = await side.start(port, { tlsCertFile, clients });
  return 'unavailable' in started ? started : parts.use(started);
}
