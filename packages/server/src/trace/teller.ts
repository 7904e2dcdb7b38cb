import { readFileSync } from 'node:fs';
import {
  type LossCounts,
  type MetricBuckets,
  otlpNames,
  RequestMetrics,
  type RequestRecord,
  TimeBuckets,
} from '@millrace/probes';
import { otlpMetrics } from '@millrace/telemetry';
import type { Terminal } from '../cli/terminal.ts';
import { traceJsonOf, traceLineOf } from './trace-line.ts';
import type { TracedRequest } from './trace-pipeline.ts';
import { traceTextOf } from './trace-text.ts';

/** What is told: lines for people, lines of JSON, or metrics in one of two forms. */
export type TellingForm = 'text' | 'json' | 'prometheus' | 'otlp';

interface TellerOptions {
  readonly terminal: Terminal;
  readonly form: TellingForm;
  /** Requests that are told; `onEnough` is called at the last. */
  readonly requestsMax: number;
  readonly onEnough: () => void;
  /** How often metrics are told. */
  readonly everyMs: number;
  /** Nanoseconds since the Unix epoch at the zero of the kernel's monotonic clock. */
  readonly epochNs: number;
  /** Bounds of histograms, where others than those of the conventions are wanted. */
  readonly buckets?: MetricBuckets;
  readonly losses?: () => Readonly<Record<string, LossCounts>>;
}

const latelyNs = 10e9;
const latelyBuckets = 6;
/** Lines are written together, once a look; more than this is written at once. */
const lineCharactersMax = 65_536;

/** Tells requests in the form that was asked for. */
export class Teller {
  readonly #options: TellerOptions;
  readonly #metrics: RequestMetrics;
  readonly #firstTokens = new TimeBuckets({
    bucketNs: latelyNs,
    bucketsMax: latelyBuckets,
    labelSetsMax: 1,
  });
  readonly #commands = new Map<number, string>();
  readonly #startUnixNs = unixNs();
  #toldMs = performance.now();
  #told = 0;
  #status = '';
  #lines = '';

  constructor(options: TellerOptions) {
    this.#options = options;
    const { losses, buckets } = options;
    this.#metrics = new RequestMetrics({
      ...(losses === undefined ? {} : { losses }),
      ...(buckets === undefined ? {} : { buckets }),
    });
  }

  get told(): number {
    return this.#told;
  }

  tell(request: TracedRequest): void {
    const { record, attribution } = request;
    const { form, requestsMax, epochNs, onEnough } = this.#options;
    if (this.#told >= requestsMax) return;
    this.#told++;
    if (form === 'prometheus' || form === 'otlp') {
      this.#metrics.observe(record, attribution.causes);
    } else {
      this.#noteFirstToken(record);
      const command = this.#commandOf(record.tgid);
      const context = { epochNs, command };
      this.#lines +=
        form === 'json'
          ? traceJsonOf(request, context)
          : traceTextOf(traceLineOf(request, context));
      if (this.#lines.length > lineCharactersMax) this.#writeLines();
    }
    if (this.#told === requestsMax) onEnough();
  }

  /** Only the line below the last request tells of it. */
  #noteFirstToken({ firstOutputNs, startNs }: RequestRecord): void {
    const { form, terminal } = this.#options;
    if (firstOutputNs === undefined || form !== 'text' || !terminal.isInteractive) return;
    this.#firstTokens.add(startNs, '', firstOutputNs - startNs);
  }

  /** Writes what was told since the last look, tells metrics that are due, and keeps a line below the last request where there is a terminal that can. */
  look(openRequests: number): void {
    const { terminal, form, everyMs } = this.#options;
    this.#writeLines();
    if (performance.now() - this.#toldMs >= everyMs) this.#tellMetrics();
    if (!terminal.isInteractive || form !== 'text') return;
    const status = `${this.#told} finished, ${openRequests} under way${this.#lately()}`;
    if (status === this.#status) return;
    this.#clearStatus();
    terminal.out(status);
    this.#status = status;
  }

  /** Nothing more comes. */
  end(): void {
    this.#writeLines();
    this.#clearStatus();
    this.#tellMetrics();
  }

  #writeLines(): void {
    if (this.#lines === '') return;
    this.#clearStatus();
    this.#options.terminal.out(this.#lines);
    this.#lines = '';
  }

  #tellMetrics(): void {
    const { terminal, form } = this.#options;
    this.#toldMs = performance.now();
    const { registry } = this.#metrics;
    if (form === 'prometheus') terminal.out(registry.expose());
    if (form !== 'otlp') return;
    const told = otlpMetrics(registry.snapshot(), {
      resource: { 'service.name': 'millrace-trace' },
      startUnixNs: this.#startUnixNs,
      unixNs: unixNs(),
      names: otlpNames,
    });
    terminal.out(`${JSON.stringify(told)}\n`);
  }

  #lately(): string {
    const sums = this.#firstTokens.buckets().flatMap(({ series }) => [...series.values()]);
    const count = sums.reduce((total, bucket) => total + bucket.count, 0);
    if (count === 0) return '';
    const meanMs = sums.reduce((total, bucket) => total + bucket.sum, 0) / count / 1e6;
    const longestMs = Math.max(...sums.map(({ max }) => max)) / 1e6;
    return `; last minute: ttft ${meanMs.toFixed(1)} ms on average, ${longestMs.toFixed(1)} ms at most`;
  }

  #clearStatus(): void {
    if (this.#status !== '') this.#options.terminal.out('\r\u001B[K');
    this.#status = '';
  }

  #commandOf(tgid: number): string {
    const known = this.#commands.get(tgid);
    if (known !== undefined) return known;
    const command = readCommand(tgid);
    this.#commands.set(tgid, command);
    return command;
  }
}

function unixNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** A recording may be of a process that is no more. */
function readCommand(tgid: number): string {
  try {
    return readFileSync(`/proc/${tgid}/comm`, 'utf8').trim();
  } catch {
    return String(tgid);
  }
}
