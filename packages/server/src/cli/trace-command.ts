import { readFileSync } from 'node:fs';
import { messageOf } from '@millrace/stdx';
import { type LossCounts, type MetricBuckets, readRecording } from '@millrace/probes';
import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { yieldProcessor } from '@millrace/bpf';
import { LiveTrace } from '../trace/live-trace.ts';
import { isLlmRequest } from '../trace/llm-request.ts';
import { parseBuckets } from '../trace/parse-buckets.ts';
import { Teller, type TellingForm } from '../trace/teller.ts';
import { traceLineJsonSchema } from '../trace/trace-schema.ts';
import type { Minding } from '../trace/trace-loop.ts';
import { TracePipeline } from '../trace/trace-pipeline.ts';
import {
  becomeUnprivileged,
  handedVariable,
  UnprivilegedTrace,
} from '../trace/unprivileged-trace.ts';
import type { HandedTrace } from '../trace/trace-form.ts';
import { resolveWatch, type Watched } from '../trace/watch-choice.ts';
import type { Terminal } from './terminal.ts';

/** Flags of the command. */
export const traceSettings: SettingTable = {
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
  cgroup: {
    kind: 'text',
    value: 'FOLDER',
    help: 'only processes of this cgroup and those below it',
  },
  tls: {
    kind: 'switch',
    help: 'follow what passes through OpenSSL too, joined to its TCP connection',
  },
  json: { kind: 'switch', help: 'one object a line for each finished request' },
  prometheus: {
    kind: 'switch',
    help: 'metrics of all requests as Prometheus reads them, instead of each request',
  },
  otlp: { kind: 'switch', help: 'the same metrics as lines of OTLP in JSON' },
  'every-s': {
    kind: 'number',
    value: 'N',
    help: 'how often metrics are told; by default 10 seconds, and at the end',
    bounds: [1, 3600],
  },
  buckets: {
    kind: 'text',
    value: 'LISTS',
    help: 'bounds of histograms in seconds, such as "ttft=0.1,0.5,2;gap=0.01,0.1"; also of tpot and duration',
  },
  'probe-cpu-percent-max': {
    kind: 'number',
    value: 'N',
    help: 'what probes may take of one processor, by default 5; over it the dearest are turned off',
    bounds: [1, 100],
  },
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
  unprivileged: {
    kind: 'switch',
    help: 'refuse to go on with any privilege once attached; by default they are kept only where something needs them',
  },
  privileged: {
    kind: 'switch',
    help: 'keep privileges: follow engines and OpenSSL also in files that no process used at the start, and in other containers',
  },
  background: {
    kind: 'switch',
    help: 'run only where nobody else wants the processor: watched servers hardly wait for it; events are lost where all processors stay busy',
  },
  replay: { kind: 'text', value: 'FILE', help: 'tell a recording again, without privileges' },
  help: { kind: 'switch', help: 'say this' },
};

const costPercentMax = 5;
const droppedShareMax = 0.1;

const privilegedFlags = ['privileged', 'record'] as const;

type Values = ReadonlyMap<string, string | number | boolean>;

/** `millrace trace`: requests of the LLM servers on this machine, seen from the kernel, and why they were slow. */
export async function runTraceCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { values, rest } = readSettings(traceSettings, { args, env: terminal.env });
  if (rest.length > 0) {
    throw new ServerError(`trace takes flags only; "${rest[0]}" is none`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  if (values.get('help') === true) {
    terminal.out(`Usage: millrace trace [flags]\n\n${describeSettings(traceSettings)}\n`);
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
  const handed = handedTraceOf(values, terminal);
  const watched = handed?.watched ?? watchedOf(values);
  const ending = new AbortController();
  const epochNs = Date.now() * 1e6 - Number(process.hrtime.bigint());
  let losses: () => Readonly<Record<string, LossCounts>> = () => ({});
  const teller = new Teller({
    ...tellingOf(values),
    terminal,
    epochNs,
    onEnough: () => ending.abort(),
    losses: () => losses(),
  });
  const pipeline = new TracePipeline({
    onRequest: (request) => teller.tell(request),
    isWanted: (record) => watched.tellsAll || isLlmRequest(record),
  });
  const recordPath = values.get('record');
  const minding = mindingOf(values, terminal);
  using live =
    handed === undefined
      ? explained(
          () =>
            new LiveTrace({
              watched,
              pipeline,
              epochNs,
              followsTls: values.get('tls') === true,
              reach: keepsPrivileges(values) ? 'by-process' : 'by-file',
              minding,
              ...(typeof recordPath === 'string' ? { recordPath } : {}),
            }),
        )
      : new UnprivilegedTrace({ handed, pipeline, minding });
  if (live instanceof LiveTrace && !keepsPrivileges(values)) {
    return explained(() => becomeUnprivileged(live.handOver(), terminal.env));
  }
  losses = () => Object.fromEntries(live.status.map((probe) => [probe.name, probe.losses]));
  describeStart(watched, live, terminal);
  // Not before: attaching on a busy machine would take for ever.
  if (values.get('background') === true) yieldProcessor();
  using _signals = endOnSignal(ending);
  const seconds = values.get('seconds');
  const timer =
    typeof seconds === 'number' ? setTimeout(() => ending.abort(), seconds * 1000) : undefined;
  await live.run(ending.signal, () => teller.look(pipeline.openRequests));
  clearTimeout(timer);
  pipeline.close();
  teller.end();
  describeEnd(live, teller, terminal);
  return 0;
}

/** What probes may cost and lose before they are turned off. */
function mindingOf(values: Values, terminal: Terminal): Minding {
  const costPercent = Number(values.get('probe-cpu-percent-max') ?? costPercentMax);
  return {
    budget: { costShareMax: costPercent / 100, droppedShareMax },
    onShed: (probe, reason) => terminal.err(`turned off ${probe}: ${reason}\n`),
  };
}

/** How requests are told. Throws `SERVER_SETTING_INVALID` where more than one way is asked for. */
function tellingOf(values: Values): {
  readonly form: TellingForm;
  readonly requestsMax: number;
  readonly everyMs: number;
  readonly buckets?: MetricBuckets;
} {
  const forms = (['json', 'prometheus', 'otlp'] as const).filter(
    (form) => values.get(form) === true,
  );
  if (forms.length > 1) {
    throw new ServerError(`--${forms.join(' and --')} are both given; give one`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  return {
    form: forms[0] ?? 'text',
    requestsMax: Number(values.get('requests') ?? Number.POSITIVE_INFINITY),
    everyMs: Number(values.get('every-s') ?? 10) * 1000,
    ...(values.has('buckets') ? { buckets: parseBuckets(String(values.get('buckets'))) } : {}),
  };
}

function watchedOf(values: Values): Watched {
  return resolveWatch({
    ...numberOf(values, 'pid'),
    ...numberOf(values, 'port'),
    ...(values.has('comm') ? { comm: String(values.get('comm')) } : {}),
    ...(values.has('cgroup') ? { cgroup: String(values.get('cgroup')) } : {}),
  });
}

/** What the program before this one has attached, where it gave up its privileges. */
function handedTraceOf(values: Values, terminal: Terminal): HandedTrace | undefined {
  const handed = terminal.env[handedVariable];
  for (const flag of privilegedFlags) {
    if (!values.has(flag) || values.get('unprivileged') !== true) continue;
    throw new ServerError(`--${flag} and --unprivileged are both given; give one`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  if (keepsPrivileges(values)) return undefined;
  return handed === undefined ? undefined : (JSON.parse(handed) as HandedTrace);
}

/** A recording is a file of whoever asked for it. */
function keepsPrivileges(values: Values): boolean {
  return privilegedFlags.some((flag) => values.has(flag));
}

/** Says what a fault of the kernel view may need. */
function explained<Result>(start: () => Result): Result {
  try {
    return start();
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
  const teller = new Teller({
    ...tellingOf(values),
    terminal,
    epochNs: head.epochNs,
    onEnough: () => undefined,
  });
  const pipeline = new TracePipeline({
    onRequest: (request) => teller.tell(request),
    isWanted: () => true,
  });
  for (const probe of head.probes) pipeline.watch(probe);
  for (const { probe, view } of events)
    pipeline.push(probe, view, { offset: 0, byteLength: view.byteLength });
  pipeline.close();
  teller.end();
  return 0;
}

function describeStart(
  watched: Watched,
  live: LiveTrace | UnprivilegedTrace,
  terminal: Terminal,
): void {
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
  for (const limit of live.limits) terminal.err(`${limit}\n`);
}

function describeEnd(
  live: LiveTrace | UnprivilegedTrace,
  teller: Teller,
  terminal: Terminal,
): void {
  const sums = live.status.map(
    ({ name, losses }) =>
      `${name}: ${losses.attempted} events attempted = ${losses.delivered} delivered + ${losses.dropped} dropped + ${losses.discarded} discarded`,
  );
  for (const line of live.engines()) terminal.err(`${line}\n`);
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
