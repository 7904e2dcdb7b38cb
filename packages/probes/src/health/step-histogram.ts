/** What an engine's steps came to since they are watched. */
export interface EngineSteps {
  readonly steps: number;
  readonly tokens: number;
  readonly totalNs: number;
  /** Steps whose begin was not seen. */
  readonly unpaired: number;
  /** Counts by slot of latency: eight for each power of two of nanoseconds. */
  readonly latency: readonly number[];
  /** Counts by the power of two of a batch's tokens. */
  readonly batch: readonly number[];
}

/** What went through the calls of CUDA's driver. */
export interface DeviceCalls {
  /** Of single kernels. */
  readonly launches: number;
  /** Of whole graphs, each of which starts many kernels. */
  readonly graphLaunches: number;
  readonly copiesToDevice: number;
  readonly bytesToDevice: number;
  readonly copiesFromDevice: number;
  readonly bytesFromDevice: number;
  readonly copiesWithinDevice: number;
  readonly bytesWithinDevice: number;
  /** Copies whose call does not say where its addresses lie, as `cuMemcpyAsync` does not. */
  readonly copiesEitherWay: number;
  readonly bytesEitherWay: number;
}

/** In the order of struct device_calls. */
const deviceNumbers = [
  'launches',
  'graphLaunches',
  'copiesToDevice',
  'bytesToDevice',
  'copiesFromDevice',
  'bytesFromDevice',
  'copiesWithinDevice',
  'bytesWithinDevice',
  'copiesEitherWay',
  'bytesEitherWay',
] as const satisfies readonly (keyof DeviceCalls)[];
const latencySlots = 320;
const batchSlots = 24;
const subSlots = 8;
const headNumbers = 4;

/** Adds up what each processor has counted (struct engine_steps of engine.bpf.c: 64-bit numbers in a row). */
export function readEngineSteps(values: readonly Uint8Array[]): EngineSteps {
  const sums = addUp(values, headNumbers + latencySlots + batchSlots);
  const [steps = 0, tokens = 0, totalNs = 0, unpaired = 0] = sums;
  const latency = sums.slice(headNumbers, headNumbers + latencySlots);
  return {
    steps,
    tokens,
    totalNs,
    unpaired,
    latency,
    batch: sums.slice(headNumbers + latencySlots),
  };
}

/** Adds up what each processor has counted (struct device_calls of engine.bpf.c). */
export function readDeviceCalls(values: readonly Uint8Array[]): DeviceCalls {
  const sums = addUp(values, deviceNumbers.length);
  return Object.fromEntries(deviceNumbers.map((name, at) => [name, sums[at] ?? 0])) as Record<
    (typeof deviceNumbers)[number],
    number
  >;
}

/** The latency below which the share `q` of steps lies, in nanoseconds, to an eighth of a power of two; NaN without steps. */
export function stepQuantileNs({ steps, latency }: EngineSteps, q: number): number {
  if (steps === 0) return Number.NaN;
  let below = 0;
  for (const [slot, count] of latency.entries()) {
    below += count;
    if (count > 0 && below >= q * steps) return slotEndNs(slot);
  }
  return slotEndNs(latencySlots - 1);
}

/** The latency at which a slot ends. */
function slotEndNs(slot: number): number {
  return 2 ** Math.floor(slot / subSlots) * (1 + ((slot % subSlots) + 1) / subSlots);
}

function addUp(values: readonly Uint8Array[], count: number): number[] {
  const sums = Array.from<number>({ length: count }).fill(0);
  for (const value of values) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let at = 0; at < count; at++) {
      sums[at] = (sums[at] ?? 0) + Number(view.getBigUint64(at * 8, true));
    }
  }
  return sums;
}
