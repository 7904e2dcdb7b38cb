import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { BenchError } from '../errors.ts';
import { pinned } from '../sides/pinned.ts';

/** What the client of the rig measured in its window. */
export interface ClientResult {
  readonly requests: number;
  readonly events: number;
  readonly held: number;
  readonly windowMs: number;
  readonly unfinished: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly latencyUs: Percentiles;
  /** From when a request was meant to go until its first event came. */
  readonly firstLatencyUs: Percentiles;
  /** From the time that the upstream wrote into an event until it came. */
  readonly eventLatencyUs: Percentiles;
}

/** Percentiles in microseconds; those of no samples are absent. */
export interface Percentiles {
  readonly count: number;
  readonly p50?: number;
  readonly p90?: number;
  readonly p99?: number;
}

/** Requests of a window that failed, in whatever way. */
export function errorCount({ errors }: ClientResult): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}

/** What the upstream of the rig saw while it ran. */
export interface UpstreamCounts {
  readonly connections: number;
  readonly unary: number;
  readonly streams: number;
  readonly events: number;
  readonly aborted: number;
  readonly refused: number;
}

export type RigOptions = Readonly<Record<string, string | number>>;
type Line = Readonly<Record<string, unknown>>;

/** The upstream, listening; `stop` ends it and tells its counts. */
export interface RunningUpstream extends AsyncDisposable {
  readonly port: number;
  stop(): Promise<UpstreamCounts>;
}

/** Starts the upstream with options as its source names them, `{ 'gap-us': 5000 }`. */
export async function startUpstream(
  program: string,
  options: RigOptions = {},
): Promise<RunningUpstream> {
  const child = start(program, options);
  const ended = once(child, 'close');
  const lines = linesOf(child);
  const first = await lines.next();
  if (first.done === true) throw await failed(child, program);
  const stop = async (): Promise<UpstreamCounts> => {
    child.kill('SIGTERM');
    const counts = await lines.next();
    await ended;
    if (counts.done === true) throw await failed(child, program);
    return counts.value as unknown as UpstreamCounts;
  };
  return {
    port: Number(first.value['port']),
    stop,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs the client to its end; `onPhase` hears when its window opens and closes, or its streams are held. */
export async function runClient(
  program: string,
  options: RigOptions,
  onPhase: (phase: string, end: () => void) => void = () => undefined,
): Promise<ClientResult> {
  const child = start(program, options);
  const ended = once(child, 'close');
  let result: Line | undefined;
  for await (const line of linesOf(child)) {
    const { phase } = line;
    if (typeof phase === 'string') onPhase(phase, () => child.kill('SIGTERM'));
    else result = line;
  }
  await ended;
  if (result === undefined) throw await failed(child, program);
  return result as unknown as ClientResult;
}

function start(program: string, options: RigOptions): ChildProcess {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  // Beside the proxy, which has the first core.
  const [first, ...rest] = pinned(1, [program, ...args]);
  return spawn(first ?? program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function* linesOf(child: ChildProcess): AsyncGenerator<Line, undefined> {
  if (child.stdout === null) return;
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Line;
}

async function failed(child: ChildProcess, program: string): Promise<BenchError> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return new BenchError(
    `run ${program}: it ended with ${child.exitCode ?? child.signalCode} before it told its result`,
    { code: 'BENCH_SIDE_FAILED' },
  );
}
