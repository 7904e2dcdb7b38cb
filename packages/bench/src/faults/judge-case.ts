import { type Attribution, type Cause, findStalls } from '@millrace/attribution';
import { type TracedRequest, TracePipeline } from '@millrace/server';
import type { FaultKind } from './fault-plans.ts';
import type { CaseTrace, GroundTruth } from './run-case.ts';

/** What the probes and attribution make of a case, and whether its fault was felt at all. */
export interface Judgement {
  readonly fault: string;
  readonly seed: number;
  readonly expected: readonly Cause[];
  /** Causes of the request's stalls, the one of most excess first. */
  readonly found: readonly Cause[];
  /** Why it does not count: other work had the core, the fault did not come about, or the ends did not feel it (or, without one, did). */
  readonly discarded: string | undefined;
}

/** What counts as felt: the same as what counts as a stall. */
const feltMsMin = 40;
/** Other work on the server's core for this long is a fault of its own, which nobody made. */
const otherWorkNsMin = 100_000_000;

/** Runs the raw records of a case through the pipeline of a live trace, and sets the result beside what was done. */
export function judgeCase(trace: CaseTrace, kind: FaultKind): Judgement {
  const attribution = attributionOf(trace);
  const excess = new Map<Cause, number>();
  for (const { cause, excessNs } of attribution === undefined ? [] : findStalls(attribution)) {
    excess.set(cause, (excess.get(cause) ?? 0) + excessNs);
  }
  return {
    fault: trace.fault,
    seed: trace.seed,
    expected: kind.causes,
    found: Array.from(excess)
      .toSorted(([, one], [, other]) => other - one)
      .map(([cause]) => cause),
    discarded: whyDiscarded(trace, kind),
  };
}

/** The attribution of a case's request; none where the probes saw no request. */
export function attributionOf({ raw, truth }: CaseTrace): Attribution | undefined {
  const requests: TracedRequest[] = [];
  const pipeline = new TracePipeline({
    onRequest: (request) => requests.push(request),
    isWanted: ({ route }) => route === '/v1/chat/completions',
  });
  const probes = { 'tcp-health': raw.tcp, 'run-queue': raw.scheduler, sockets: raw.sockets };
  for (const [probe, records] of Object.entries(probes)) {
    pipeline.watch(probe);
    for (const record of records) {
      const bytes = Buffer.from(record, 'base64');
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      pipeline.push(probe, view, { offset: 0, byteLength: bytes.byteLength });
    }
    if (raw.dropped > 0) pipeline.noteLoss(probe);
  }
  pipeline.close();
  return requests.find(({ record }) => record.startNs >= truth.clientStartNs)?.attribution;
}

function whyDiscarded({ truth }: CaseTrace, kind: FaultKind): string | undefined {
  const felt = feltMs(truth);
  // Waits of a few milliseconds for each of thirty tokens add up on any machine: without a fault it counts what was felt.
  if (kind.causes.length === 0) {
    return felt < feltMsMin ? undefined : `without a fault, the ends felt ${felt.toFixed(0)} ms`;
  }
  const isForCpu = kind.causes.some((cause) => cause.startsWith('cpu_'));
  if (!isForCpu && truth.witness.runDelayNs >= otherWorkNsMin) return 'other work had the core';
  if (kind.cameAbout?.(truth.witness) === false) return 'the fault did not come about';
  return felt >= feltMsMin ? undefined : `the ends felt ${felt.toFixed(0)} ms of it`;
}

/** The longest gap at the client beyond its usual one; or how long the server worked for a client that had left. */
function feltMs({ eventsNs, clientEndNs, isWhole, serverEndNs }: GroundTruth): number {
  const times = isWhole ? eventsNs : [...eventsNs, clientEndNs];
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  const sorted = gaps.toSorted((one, other) => one - other);
  const usual = sorted[(sorted.length - 1) >>> 1] ?? 0;
  const longest = sorted.at(-1) ?? 0;
  const excess = longest >= 2 * usual ? longest - usual : 0;
  const after = isWhole || serverEndNs === undefined ? 0 : serverEndNs - clientEndNs;
  return Math.max(excess, after) / 1e6;
}
