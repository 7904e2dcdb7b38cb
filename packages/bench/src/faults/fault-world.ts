import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BenchError } from '../errors.ts';
import type { FaultPrograms } from './compile-faults.ts';
import { ToldProcess } from './told-process.ts';

/** Counters by the names that the kernel has for them. */
export type TcpCounters = Readonly<Record<string, number>>;

/** Options of a program of the rig, as its source names them. */
export type ProgramOptions = Readonly<Record<string, string | number>>;

/** The core of the server and of what competes with it; everything else has the other one. */
const serverCore = 0;
const otherCore = 1;

/**
 * Two network namespaces with a wire between them. They belong to the wire's process and go with it, and so do its
 * devices; programs in them end with their parent.
 */
export class FaultWorld implements AsyncDisposable {
  readonly #wire: ToldProcess;
  readonly #serverNet: string;
  readonly #clientNet: string;
  readonly #serverTask: string;
  readonly #clientTask: string;

  private constructor(
    wire: ToldProcess,
    threads: { readonly server: number; readonly client: number },
  ) {
    this.#wire = wire;
    const task = (thread: number): string => `/proc/${wire.processId}/task/${thread}`;
    this.#serverNet = `${task(threads.server)}/ns/net`;
    this.#clientNet = `${task(threads.client)}/ns/net`;
    this.#serverTask = task(threads.server);
    this.#clientTask = task(threads.client);
  }

  static async open(programs: FaultPrograms, options: ProgramOptions): Promise<FaultWorld> {
    const wire = new ToldProcess([
      ...['taskset', '-c', String(otherCore)],
      ...[programs.wire, ...argumentsOf(options)],
    ]);
    try {
      const { server, client } = await wire.line();
      return new FaultWorld(wire, { server: Number(server), client: Number(client) });
    } catch (error) {
      await wire[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a program where the server lives. */
  server(program: readonly string[], options: ProgramOptions): ToldProcess {
    return this.#start(this.#serverNet, serverCore, [...program, ...argumentsOf(options)]);
  }

  /** Starts a program where the client lives. */
  client(program: readonly string[], options: ProgramOptions): ToldProcess {
    return this.#start(this.#clientNet, otherCore, [...program, ...argumentsOf(options)]);
  }

  /** Lets no more than a rate leave the server's machine, in bits a second: what is more waits in its queue. */
  limitRate(bitsPerSecond: number): void {
    const made = spawnSync('nsenter', [
      `--net=${this.#serverNet}`,
      ...['tc', 'qdisc', 'add', 'dev', 'wire0', 'root', 'tbf'],
      ...['rate', `${bitsPerSecond}bit`, 'burst', '3200', 'limit', '1000000'],
    ]);
    if (made.status === 0) return;
    throw new BenchError(
      `limit the rate of wire0 by tc: ${made.error?.message ?? made.stderr.toString().trim()}`,
      { code: 'BENCH_SIDE_FAILED' },
    );
  }

  /** The kernel's own counters of TCP at the two ends, of this world alone (Documentation/networking/snmp_counter.rst). */
  counters(): { readonly server: TcpCounters; readonly client: TcpCounters } {
    return { server: readCounters(this.#serverTask), client: readCounters(this.#clientTask) };
  }

  /** When packets were lost, in nanoseconds of the monotonic clock. Ends the wire. */
  async losses(): Promise<readonly number[]> {
    this.#wire.kill('SIGTERM');
    const { lost } = await this.#wire.line();
    return (lost as readonly (readonly [number, number])[]).map(([atNs]) => atNs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
  }

  #start(net: string, core: number, command: readonly string[]): ToldProcess {
    return new ToldProcess(['nsenter', `--net=${net}`, ...placed(core), ...command]);
  }
}

/** Competes with the server for its core; ends by itself. */
export function startHog(programs: FaultPrograms, options: ProgramOptions): ToldProcess {
  return new ToldProcess([...placed(serverCore), ...[programs.hog, ...argumentsOf(options)]]);
}

/** On one core, before all other work of this machine: what competes is only what was made to. */
function placed(core: number): readonly string[] {
  return ['nice', '-n', '-20', 'taskset', '-c', String(core)];
}

function readCounters(task: string): TcpCounters {
  const lines = readFileSync(`${task}/net/netstat`, 'utf8').split('\n');
  const [names = [], values = []] = lines
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' ').slice(1));
  return Object.fromEntries(names.map((name, index) => [name, Number(values[index])]));
}

function argumentsOf(options: ProgramOptions): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
