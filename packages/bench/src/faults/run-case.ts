import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Prng } from '@millrace/stdx';
import type { FaultPrograms } from './compile-faults.ts';
import { CpuLimit } from './cpu-limit.ts';
import type { CasePlan, FaultKind } from './fault-plans.ts';
import { FaultWorld, startHog } from './fault-world.ts';
import type { Observer, RawTrace } from './observer.ts';
import type { ToldProcess } from './told-process.ts';
import type { Witness } from './witness.ts';

/** What the two ends saw for themselves, in nanoseconds of the monotonic clock. */
export interface GroundTruth {
  readonly clientStartNs: number;
  readonly clientEndNs: number;
  readonly isWhole: boolean;
  /** When each event had come whole at the client. */
  readonly eventsNs: readonly number[];
  /** When the server ended, where it tells: over HTTP/1.1, and over HTTP/2 where a stream is given up. */
  readonly serverEndNs: number | undefined;
  readonly lostNs: readonly number[];
  readonly witness: Witness;
}

/** One case as it was: what went wrong, what the ends saw, what the probes told. */
export interface CaseTrace {
  readonly fault: string;
  readonly seed: number;
  readonly plan: CasePlan;
  readonly server: { readonly processId: number; readonly port: number };
  readonly truth: GroundTruth;
  readonly raw: RawTrace;
}

export interface CaseTools {
  readonly programs: FaultPrograms;
  readonly observer: Observer;
}

/** A node process takes this long until it is at rest, so that its start is no part of what is measured. */
const nodeRestMs = 60;
const settleMs = 30;

/** Makes one case in a world of its own, which is gone afterwards, however it ends. */
export async function runCase(
  kind: FaultKind,
  { seed, random }: { readonly seed: number; readonly random: Prng },
  { programs, observer }: CaseTools,
): Promise<CaseTrace> {
  const plan = kind.plan(random);
  await using world = await FaultWorld.open(programs, plan.wire);
  if (plan.rate !== undefined) world.limitRate(plan.rate);
  await using server = startServer(world, programs, plan);
  const port = Number((await server.line())['port']);
  const watched = { processId: server.processId, port };
  observer.watch(watched);
  observer.collect();
  try {
    using limit = plan.limit === undefined ? undefined : new CpuLimit(server.processId);
    if (plan.protocol === 'http2') await sleep(nodeRestMs);
    await using client = startClient(world, programs, {
      ...plan,
      client: { ...plan.client, port },
    });
    const delayedBefore = runDelayNs(server.processId);
    const meddling = meddle(plan, programs, limit);
    const seen = await client.line();
    await meddling;
    const delayedNs = runDelayNs(server.processId) - delayedBefore;
    const tellsEnd = plan.protocol === 'http1' || 'block-at' in plan.server;
    const ended = tellsEnd ? await server.line() : undefined;
    await sleep(settleMs);
    const raw = observer.collect();
    const truth: GroundTruth = {
      clientStartNs: Number(seen['startNs']),
      clientEndNs: Number(seen['endNs']),
      isWhole: seen['isWhole'] === true,
      eventsNs: seen['events'] as readonly number[],
      serverEndNs: ended === undefined ? undefined : Number(ended['endedNs']),
      witness: witnessOf(world, { ...ended, delayedNs }, limit),
      lostNs: await world.losses(),
    };
    return { fault: kind.name, seed, plan, server: watched, truth, raw };
  } finally {
    observer.forget(watched);
  }
}

function witnessOf(
  world: FaultWorld,
  told: Readonly<Record<string, unknown>>,
  limit: CpuLimit | undefined,
): Witness {
  const { server, client } = world.counters();
  return {
    timeouts: server['TCPTimeouts'] ?? 0,
    tailProbes: server['TCPLossProbes'] ?? 0,
    fastRetransmits: server['TCPFastRetrans'] ?? 0,
    zeroWindows: client['TCPToZeroWindowAdv'] ?? 0,
    blockedNs: Number(told['blockedNs'] ?? 0),
    runDelayNs: Number(told['delayedNs'] ?? 0),
    receiverLimitedNs: Number(told['receiverLimitedNs'] ?? 0),
    throttledNs: limit?.throttledNs() ?? 0,
  };
}

/** How long a process's first thread could run and did not (Documentation/scheduler/sched-stats.rst). */
function runDelayNs(processId: number): number {
  const [, delayed] = readFileSync(`/proc/${processId}/schedstat`, 'utf8').split(' ');
  return Number(delayed);
}

/** What is done from outside while the request runs. */
async function meddle(
  plan: CasePlan,
  programs: FaultPrograms,
  limit: CpuLimit | undefined,
): Promise<void> {
  if (plan.atMs === undefined) return;
  await sleep(plan.atMs);
  if (plan.hogs !== undefined) {
    const { count, forUs, realtime } = plan.hogs;
    const hogs = Array.from({ length: count }, () =>
      startHog(programs, { 'for-us': forUs, realtime }),
    );
    await sleep(forUs / 1_000 + settleMs);
    for (const hog of hogs) await hog[Symbol.asyncDispose]();
  }
  if (plan.limit !== undefined && limit !== undefined) {
    limit.set(plan.limit.quotaUs);
    await sleep(plan.limit.forMs);
    limit.lift();
  }
}

function startServer(world: FaultWorld, programs: FaultPrograms, plan: CasePlan): ToldProcess {
  const program =
    plan.protocol === 'http1' ? [programs['stream-server']] : nodeProgram('http2-server.entry.ts');
  return world.server(program, plan.server);
}

function startClient(world: FaultWorld, programs: FaultPrograms, plan: CasePlan): ToldProcess {
  const program =
    plan.protocol === 'http1' ? [programs['stream-client']] : nodeProgram('http2-client.entry.ts');
  return world.client(program, plan.client);
}

function nodeProgram(name: string): readonly string[] {
  return [process.execPath, '--conditions=@millrace/source', join(import.meta.dirname, name)];
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
