import { readFileSync } from 'node:fs';
import { messageOf } from '@millrace/stdx';
import { readRecording } from '@millrace/probes';
import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { LiveTrace } from '../trace/live-trace.ts';
import { isLlmRequest } from '../trace/llm-request.ts';
import { traceLineOf } from '../trace/trace-line.ts';
import { traceLineJsonSchema } from '../trace/trace-schema.ts';
import { type TracedRequest, TracePipeline } from '../trace/trace-pipeline.ts';
import { traceTextOf } from '../trace/trace-text.ts';
import { resolveWatch, type Watched } from '../trace/watch-choice.ts';
import type { Terminal } from './terminal.ts';

const settingsTable: SettingTable = {
  pid: {
    kind: 'number',
    value: 'N',
    help: 'only this process and what it forks',
    bounds: [1, 2 ** 31],
  },
  port: { kind: 'number', value: 'N', help: 'only this local port', bounds: [1, 65_535] },
  comm: {
    kind: 'text',
    value: 'NAME',
    help: 'only processes of this name, also those still to come',
  },
  json: { kind: 'switch', help: 'one object a line for each finished request' },
  schema: { kind: 'switch', help: 'print the JSON Schema of those lines' },
  seconds: { kind: 'number', value: 'N', help: 'end after this long', bounds: [1, 86_400] },
  requests: {
    kind: 'number',
    value: 'N',
    help: 'end after so many requests',
    bounds: [1, 1_000_000_000],
  },
  record: {
    kind: 'text',
    value: 'FILE',
    help: 'keep what the kernel told, for --replay; it holds prompts',
  },
  replay: { kind: 'text', value: 'FILE', help: 'tell a recording again, without privileges' },
  help: { kind: 'switch', help: 'say this' },
};

type Values = ReadonlyMap<string, string | number | boolean>;

/** `millrace trace`: requests of the LLM servers on this machine, seen from the kernel, and why they were slow. */
export async function runTraceCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { values, rest } = readSettings(settingsTable, { args, env: terminal.env });
  if (rest.length > 0) {
    throw new ServerError(`trace takes flags only; "${rest[0]}" is none`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  if (values.get('help') === true) {
    terminal.out(`Usage: millrace trace [flags]\n\n${describeSettings(settingsTable)}\n`);
    return 0;
  }
  if (values.get('schema') === true) {
    terminal.out(`${JSON.stringify(traceLineJsonSchema(), undefined, 2)}\n`);
    return 0;
  }
  const replayPath = values.get('replay');
  if (typeof replayPath === 'string') return replay(replayPath, values, terminal);
  return follow(values, terminal);
}

async function follow(values: Values, terminal: Terminal): Promise<number> {
  const watched = resolveWatch({
    ...numberOf(values, 'pid'),
    ...numberOf(values, 'port'),
    ...(values.has('comm') ? { comm: String(values.get('comm')) } : {}),
  });
  const ending = new AbortController();
  const epochNs = Date.now() * 1e6 - Number(process.hrtime.bigint());
  const teller = new Teller({ terminal, values, epochNs, onEnough: () => ending.abort() });
  const pipeline = new TracePipeline({
    onRequest: (request) => teller.tell(request),
    isWanted: (record) => watched.tellsAll || isLlmRequest(record),
  });
  const recordPath = values.get('record');
  using live = startLive({
    watched,
    pipeline,
    epochNs,
    ...(typeof recordPath === 'string' ? { recordPath } : {}),
  });
  describeStart(watched, live, terminal);
  using _signals = endOnSignal(ending);
  const seconds = values.get('seconds');
  const timer =
    typeof seconds === 'number' ? setTimeout(() => ending.abort(), seconds * 1000) : undefined;
  await live.run(ending.signal, () => teller.showStatus(pipeline.openRequests));
  clearTimeout(timer);
  pipeline.close();
  describeEnd(live, teller, terminal);
  return 0;
}

function startLive(options: ConstructorParameters<typeof LiveTrace>[0]): LiveTrace {
  try {
    return new LiveTrace(options);
  } catch (cause) {
    const hint =
      process.getuid?.() === 0
        ? ''
        : '; run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN';
    throw new ServerError(`the kernel view cannot start: ${messageOf(cause)}${hint}`, {
      code: 'SERVER_KERNEL_VIEW_UNAVAILABLE',
      cause,
    });
  }
}

function replay(path: string, values: Values, terminal: Terminal): number {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ServerError(`--replay ${path}: ${messageOf(cause)}`, {
      code: 'SERVER_SETTING_INVALID',
      cause,
    });
  }
  const { head, events } = readRecording(bytes);
  const teller = new Teller({ terminal, values, epochNs: head.epochNs, onEnough: () => undefined });
  const pipeline = new TracePipeline({
    onRequest: (request) => teller.tell(request),
    isWanted: () => true,
  });
  for (const probe of head.probes) pipeline.watch(probe);
  for (const { probe, view } of events)
    pipeline.push(probe, view, { offset: 0, byteLength: view.byteLength });
  pipeline.close();
  return 0;
}

interface TellerOptions {
  readonly terminal: Terminal;
  readonly values: Values;
  readonly epochNs: number;
  readonly onEnough: () => void;
}

/** Tells requests in the form that was asked for. */
class Teller {
  readonly #options: TellerOptions;
  readonly #commands = new Map<number, string>();
  #told = 0;
  #status = '';

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  get told(): number {
    return this.#told;
  }

  tell({ record, attribution }: TracedRequest): void {
    const { terminal, values, epochNs, onEnough } = this.#options;
    const most = values.get('requests');
    if (typeof most === 'number' && this.#told >= most) return;
    this.#told++;
    const line = traceLineOf(record, attribution, {
      epochNs,
      command: this.#commandOf(record.tgid),
    });
    this.#clearStatus();
    terminal.out(values.get('json') === true ? `${JSON.stringify(line)}\n` : traceTextOf(line));
    if (this.#told === most) onEnough();
  }

  /** Keeps a line below the last request, where there is a terminal that can. */
  showStatus(openRequests: number): void {
    const { terminal, values } = this.#options;
    if (!terminal.isInteractive || values.get('json') === true) return;
    const status = `${this.#told} finished, ${openRequests} under way`;
    if (status === this.#status) return;
    this.#clearStatus();
    terminal.out(status);
    this.#status = status;
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

/** A recording may be of a process that is no more. */
function readCommand(tgid: number): string {
  try {
    return readFileSync(`/proc/${tgid}/comm`, 'utf8').trim();
  } catch {
    return String(tgid);
  }
}

function describeStart(watched: Watched, live: LiveTrace, terminal: Terminal): void {
  const servers = watched.servers.map(
    ({ comm, tgid, ports }) => `${comm} (${tgid}) on ${ports.join(', ')}`,
  );
  const what = servers.length === 0 ? 'no server yet; waiting for one' : servers.join('; ');
  terminal.err(`watching ${what}\n`);
  for (const { name, programs } of live.status) {
    for (const { name: program, isAttached, reason } of programs) {
      if (!isAttached) terminal.err(`without ${name}/${program}: ${reason}\n`);
    }
  }
}

function describeEnd(live: LiveTrace, teller: Teller, terminal: Terminal): void {
  const sums = live.status.map(
    ({ name, losses }) =>
      `${name}: ${losses.attempted} events attempted = ${losses.delivered} delivered + ${losses.dropped} dropped + ${losses.discarded} discarded`,
  );
  terminal.err(`${teller.told} requests; ${sums.join('; ')}\n`);
}

function endOnSignal(ending: AbortController): Disposable {
  const end = (): void => ending.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  // Whoever read the lines has gone.
  process.stdout.once('error', end);
  return {
    [Symbol.dispose]() {
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
      process.stdout.off('error', end);
    },
  };
}

function numberOf<Name extends string>(values: Values, name: Name): Partial<Record<Name, number>> {
  const value = values.get(name);
  return typeof value === 'number' ? ({ [name]: value } as Record<Name, number>) : {};
}
