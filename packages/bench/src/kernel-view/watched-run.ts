import { countRuns } from '@millrace/bpf';
import {
  openKernelProbe,
  openStampsProbe,
  type ProgramCost,
  type RequestRecord,
  type RingProbe,
} from '@millrace/probes';
import { TracePipeline } from '@millrace/server';

/** What the kernel view found, and what it cost. */
export interface WatchedRun {
  readonly records: readonly RequestRecord[];
  readonly events: number;
  readonly dropped: number;
  /** Of the reader: taking events from the rings, and making requests and accounts of them. */
  readonly readerNs: number;
  /** Of the reader: finding the causes of each request's gaps. */
  readonly causesNs: number;
  /** Empty unless runs were counted. */
  readonly programs: readonly ProgramCost[];
}

interface WatchOptions {
  /** The kernel's count of run times, which costs itself: off where the cost is measured from outside. */
  readonly countsRuns: boolean;
}

/** The probes of `millrace trace` on one server, while something runs. */
export async function watch(
  server: { readonly port: number; readonly processId: number },
  run: () => Promise<void>,
  { countsRuns }: WatchOptions,
): Promise<WatchedRun> {
  const filter = { ports: [server.port], tgids: [server.processId] };
  using health = openKernelProbe('tcp-health', filter);
  using waits = openKernelProbe('run-queue', filter);
  using stamps = openStampsProbe(filter.ports);
  using sockets = openKernelProbe('sockets', filter);
  const probes: readonly RingProbe[] = [health, waits, stamps, sockets];
  {
    using _stats = countsRuns ? countRuns() : undefined;
    await run();
  }
  const records: RequestRecord[] = [];
  const pipeline = new TracePipeline({
    onRequest: ({ record }) => records.push(record),
    isWanted: () => true,
  });
  const before = process.cpuUsage();
  const events = drainAll(probes, pipeline);
  const reading = process.cpuUsage(before);
  pipeline.close();
  const all = process.cpuUsage(before);
  const readerNs = (reading.user + reading.system) * 1000;
  return {
    records,
    events,
    dropped: probes.reduce((sum, probe) => sum + probe.losses().dropped, 0),
    readerNs,
    causesNs: (all.user + all.system) * 1000 - readerNs,
    programs: countsRuns ? probes.flatMap((probe) => probe.costs()) : [],
  };
}

function drainAll(probes: readonly RingProbe[], pipeline: TracePipeline): number {
  let events = 0;
  for (const probe of probes) {
    pipeline.watch(probe.name);
    events += probe.drain((view, offset, byteLength) => {
      pipeline.push(probe.name, view, { offset, byteLength });
    }, Number.POSITIVE_INFINITY);
  }
  return events;
}
