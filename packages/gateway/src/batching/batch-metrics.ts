import type { Registry } from '@millrace/telemetry';

/** What merging requests counts. */
export interface BatchMetrics {
  /** One request went for so many, with so many inputs. */
  noteMerged(requestCount: number, inputCount: number): void;
  /** A request went as it came: nobody was to be waited for, or it had no room with others. */
  noteAlone(): void;
  /** The engine refused what was merged, so that each of so many goes by itself. */
  noteApart(requestCount: number): void;
  /** A request was sent, or left, so long after it had come. */
  noteWaited(waitedMs: number): void;
  /** So many more wait; so many fewer, where it is negative. */
  noteWaiting(change: number): void;
}

const inputBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const waitBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1];

export function createBatchMetrics(registry: Registry): BatchMetrics {
  const requests = registry.labelledCounter({
    name: 'millrace_gateway_batched_requests_total',
    help: 'Requests that could be merged: merged with others, sent alone, and sent apart after the engine had refused them together.',
    labelNames: ['how'],
  });
  const [merged, alone, apart] = ['merged', 'alone', 'apart'].map((how) =>
    requests.labels({ how }),
  );
  const inputs = registry.histogram({
    name: 'millrace_gateway_batch_inputs',
    help: 'Inputs of each request that was sent for several.',
    buckets: inputBuckets,
  });
  const waited = registry.histogram({
    name: 'millrace_gateway_batch_wait_seconds',
    help: 'How long requests waited for others to be merged with.',
    buckets: waitBuckets,
  });
  let waitingCount = 0;
  registry.gauge({
    name: 'millrace_gateway_batch_waiting',
    help: 'Requests that wait for others to be merged with.',
    read: () => waitingCount,
  });
  return {
    noteMerged: (requestCount, inputCount) => {
      merged?.inc(requestCount);
      inputs.observe(inputCount);
    },
    noteAlone: () => alone?.inc(),
    noteApart: (requestCount) => apart?.inc(requestCount),
    noteWaited: (waitedMs) => waited.observe(waitedMs / 1000),
    noteWaiting: (change) => void (waitingCount += change),
  };
}
