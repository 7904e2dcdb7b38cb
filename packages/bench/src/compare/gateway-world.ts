import type { RigPrograms } from '../rig/compile-rig.ts';
import { startUpstream } from '../rig/rig-process.ts';
import type { ProxySide, RunningProxy } from '../sides/proxy-side.ts';
import { startTlsTerminator } from '../sides/tls-terminator.ts';
import type { GatewayLoad } from './gateway-loads.ts';
import { heldStreams, measureLoad } from './measure-load.ts';

/** What measuring a world needs. */
export interface WorldParts {
  readonly rig: RigPrograms;
  /** Of a window. */
  readonly seconds: number;
  /** Takes the figures of a load at a side. */
  readonly take: (load: string, side: string) => (name: string, value: number) => void;
  readonly note: (text: string) => void;
  readonly onProgress: (text: string) => void;
}

interface Started {
  readonly side: ProxySide;
  readonly running: RunningProxy;
}

/**
 * The machine is another from minute to minute, by half and more: what is compared must lie within seconds. So all sides
 * run at once, idle but for the one whose turn it is, and each load has so many short windows at each of them in turns.
 */
const windows = 3;
/** After the first window of a load only connections are new. */
const warmAgainMs = 1000;

/** Measures loads that go to one kind of upstream, at all sides that take them. */
export async function measureWorld(
  loads: readonly GatewayLoad[],
  sides: readonly ProxySide[],
  parts: WorldParts,
): Promise<void> {
  const [first] = loads;
  if (first === undefined) return;
  const fitting = sides.filter(
    ({ name }) => first.sides === undefined || first.sides.includes(name),
  );
  if (first.clients === undefined) return measureBeside(loads, fitting, { ...parts, windows });
  // As many connections as there are files for: each side has an upstream of its own, and the machine.
  for (const side of fitting) await measureBeside(loads, [side], { ...parts, windows: 1 });
}

async function measureBeside(
  loads: readonly GatewayLoad[],
  sides: readonly ProxySide[],
  parts: WorldParts & { readonly windows: number },
): Promise<void> {
  await using held = new AsyncDisposableStack();
  const started = await startWorld(loads, sides, { ...parts, held });
  for (const load of loads) {
    let turn: readonly Started[] = started;
    for (let window = 0; window < parts.windows; window++) {
      const broken = await measureWindow(load, turn, { ...parts, window });
      turn = turn.filter(({ side }) => !broken.has(side.name)).toReversed();
    }
  }
}

/** One window at each side; the names of those that are not to be measured again. */
async function measureWindow(
  load: GatewayLoad,
  turn: readonly Started[],
  parts: WorldParts & { readonly window: number },
): Promise<ReadonlySet<string>> {
  const { rig, seconds, take, note, onProgress, window } = parts;
  const broken = new Set<string>();
  for (const { side, running } of turn) {
    onProgress(`${load.word}, window ${window + 1}: ${side.name}`);
    const warmMs = window === 0 ? undefined : warmAgainMs;
    const figures = await measureLoad(running, load, { client: rig.client, seconds, warmMs });
    if ('problem' in figures) {
      note(`${side.name}, ${load.name}: ${figures.problem}`);
      broken.add(side.name);
    } else for (const [name, value] of figures) take(load.name, side.name)(name, value);
  }
  return broken;
}

/** The upstream of the rig as the loads want it, and the proxies before it. */
async function startWorld(
  loads: readonly GatewayLoad[],
  sides: readonly ProxySide[],
  { rig, note, held }: WorldParts & { readonly held: AsyncDisposableStack },
): Promise<readonly Started[]> {
  const [load] = loads;
  if (load === undefined) return [];
  const words = loads.map(({ word }) => word).join(', ');
  const upstream = held.use(await startUpstream(rig.upstream, load.upstream));
  let { port } = upstream;
  let tlsCertFile: string | undefined;
  if (load.isTls === true) {
    const terminator = await startTlsTerminator(port);
    if ('unavailable' in terminator) {
      note(`${words} left out: ${terminator.unavailable}`);
      return [];
    }
    held.use(terminator);
    ({ port, certFile: tlsCertFile } = terminator);
  }
  // Some refuse to start where they cannot have the files for all clients that they are told of.
  const clients = load.isHeld === true ? heldStreams(load) : load.clients;
  const started: Started[] = [];
  for (const side of sides) {
    const running = await side.start(port, { tlsCertFile, clients });
    if ('unavailable' in running) note(`${side.name} left out of ${words}: ${running.unavailable}`);
    else started.push({ side, running: held.use(running) });
  }
  return started;
}
