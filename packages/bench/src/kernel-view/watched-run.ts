import { countRuns } from '@millrace/bpf';
import {
  Assembly,
  decodeSocketEvent,
  KernelProbe,
  type ProgramCost,
  type RequestRecord,
} from '@millrace/probes';

/** What the kernel view found, and what it cost. */
export interface WatchedRun {
  readonly records: readonly RequestRecord[];
  readonly events: number;
  readonly dropped: number;
  /** Of the reader: taking events from the rings, and making requests of them. */
  readonly readerNs: number;
  readonly programs: readonly ProgramCost[];
}

/** The probes of `millrace trace` on one server, while something runs. */
export async function watch(
  server: { readonly port: number; readonly processId: number },
  run: () => Promise<void>,
): Promise<WatchedRun> {
  const filter = { ports: [server.port], tgids: [server.processId] };
  using sockets = new KernelProbe('sockets', filter);
  using health = new KernelProbe('tcp-health', filter);
  using waits = new KernelProbe('run-queue', filter);
  const probes = [sockets, health, waits];
  {
    using _stats = countRuns();
    await run();
  }
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  const before = process.cpuUsage();
  let events = 0;
  for (const probe of probes) {
    events += probe.drain((view, offset, byteLength) => {
      if (probe === sockets) assembly.push(decodeSocketEvent(view, offset, byteLength));
    }, Number.POSITIVE_INFINITY);
  }
  const used = process.cpuUsage(before);
  return {
    records,
    events,
    dropped: probes.reduce((sum, probe) => sum + probe.losses().dropped, 0),
    readerNs: (used.user + used.system) * 1000,
    programs: probes.flatMap((probe) => probe.costs()),
  };
}
