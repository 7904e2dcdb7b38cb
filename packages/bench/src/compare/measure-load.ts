import {
  microsecondsEach,
  type ProcessCost,
  processTree,
  readProcessCost,
} from '../rig/process-cost.ts';
import { errorCount, type Percentiles, type RigOptions, runClient } from '../rig/rig-process.ts';
import { descriptorsAllowed, streamsWithin } from '../sides/descriptors.ts';
import type { RunningProxy } from '../sides/proxy-side.ts';
import { goalFigures } from './gateway-goals.ts';
import type { GatewayLoad } from './gateway-loads.ts';

/** What a load came to: figures by name, or why there are none. */
export type LoadFigures =
  | readonly (readonly [name: string, value: number])[]
  | { readonly problem: string };

/** How a load is put on a proxy. */
export interface LoadStep {
  readonly client: string;
  readonly seconds: number;
  /** Until the window opens; absent: until all is compiled that the load makes hot. */
  readonly warmMs?: number | undefined;
}

/** Threads of ours compile what is hot for some seconds; what is measured is what comes after. */
const usualWarmMs = 5000;
/** A proxy that cannot hold all streams is given up after so long. */
const heldMsMax = 60_000;
const settleMs = 1500;

/** Measures one load on one running proxy. */
export function measureLoad(
  running: RunningProxy,
  load: GatewayLoad,
  step: LoadStep,
): Promise<LoadFigures> {
  return load.isHeld === true
    ? measureHeld(running, load, step.client)
    : measureWindow(running, load, step);
}

async function measureWindow(
  running: RunningProxy,
  load: GatewayLoad,
  { client, seconds, warmMs = load.warmMs ?? usualWarmMs }: LoadStep,
): Promise<LoadFigures> {
  const { settings } = load;
  const ids = idsOf(running);
  const costs: ProcessCost[] = [];
  const window = { 'warm-ms': warmMs, 'duration-ms': seconds * 1000 };
  const result = await runClient(
    client,
    { ...clientOptions(running), ...settings, ...window },
    () => costs.push(readProcessCost(ids)),
  );
  const errors = errorCount(result);
  const [before, after] = costs;
  if (errors > 0 || before === undefined || after === undefined)
    return { problem: `${errors} errors, not counted: ${JSON.stringify(result.errors)}` };
  const isStream = 'stream' in settings;
  const pieces = isStream ? result.events : result.requests;
  const latency = isStream ? result.eventLatencyUs : result.latencyUs;
  return [
    ...(ids.length > 0
      ? [[goalFigures.cpu, microsecondsEach(before, after, pieces)] as const]
      : []),
    [goalFigures.perSecond, (pieces * 1000) / result.windowMs],
    ...latencies(latency),
    ...(ids.length > 0 ? [['resident, MB', after.residentBytes / 1e6] as const] : []),
    ...(load.clients === undefined ? [] : [[goalFigures.errors, errors] as const]),
  ];
}

/** Streams of a load that holds them: as many as the system lets a proxy have files for. */
export function heldStreams({ settings }: GatewayLoad): number {
  return Math.min(Number(settings['connections']), streamsWithin(descriptorsAllowed()));
}

/** What each stream takes of the proxy's memory while nothing comes of it. */
async function measureHeld(
  running: RunningProxy,
  load: GatewayLoad,
  client: string,
): Promise<LoadFigures> {
  const ids = idsOf(running);
  const wanted = heldStreams(load);
  const before = readProcessCost(ids);
  let after: ProcessCost | undefined;
  const result = await runClient(
    client,
    { ...clientOptions(running), ...load.settings, connections: wanted, 'duration-ms': heldMsMax },
    (_phase, stop) =>
      void setTimeout(() => {
        after = readProcessCost(ids);
        stop();
      }, settleMs),
  );
  if (after === undefined)
    return { problem: `${result.held} of ${wanted} streams held within ${heldMsMax / 1000} s` };
  return [
    [goalFigures.idleBytes, (after.residentBytes - before.residentBytes) / 1000 / wanted],
    ['streams held', result.held],
    ['resident, MB', after.residentBytes / 1e6],
  ];
}

function idsOf({ processId }: RunningProxy): readonly number[] {
  return processId > 0 ? processTree(processId) : [];
}

function clientOptions({ url, headers }: RunningProxy): RigOptions {
  return { port: new URL(url).port, ...(headers !== undefined && { headers }) };
}

function latencies({ p50, p99 }: Percentiles): readonly (readonly [string, number])[] {
  return [
    [goalFigures.p50, p50 ?? Number.NaN],
    [goalFigures.p99, p99 ?? Number.NaN],
  ];
}
