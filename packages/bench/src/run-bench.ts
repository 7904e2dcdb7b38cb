import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { benchEngine, chosenParts, engineParts } from './bench-engine.ts';
import { measureAttribution } from './compare/attribution.ts';
import type { BenchContext } from './compare/comparison.ts';
import { gatewayChoices, measureGateways } from './compare/gateway.ts';
import { kernelParts, measureKernel } from './compare/kernel.ts';
import { measureKernelView } from './compare/kernel-view.ts';
import { measureChaos } from './compare/chaos.ts';
import { compareRouting } from './compare/routing.ts';
import { soak } from './compare/soak.ts';
import { faultKinds } from './faults/fault-plans.ts';
import { benchParameters, parameterSides } from './parameters/bench-parameters.ts';
import { recordedPeers, recordPeers } from './record/record-peers.ts';
import { report } from './report/report.ts';

/** Where a measurement writes. */
export interface BenchTerminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const soakRequests = 10_000;
const traceRequests = 1000;
const seedMax = 10_000;
const usage = `Usage: millrace bench engine [--only ${engineParts.join(',')}]
                             [--rounds 3] [--continue] [--traces FOLDER] [--install] [--quick] --model FILE
       millrace bench parameters [--only ${parameterSides.join(',')}] [--continue] [--install] --model FILE
       millrace bench record [--only ${recordedPeers.join(',')}] --model FILE
       millrace bench soak [--requests 10000] --model FILE
       millrace bench gateway [--only nginx,millrace,unary,…] [--rounds 3] [--seconds 5]
       millrace bench routing [--rounds 3] [--traces FOLDER]
       millrace bench attribution [--seeds 1-30] [--only outage,cpu-hog,…] [--minutes 30] [--continue] [--replay]
       millrace bench chaos [--requests 100000]
       millrace bench trace [--requests 1000] [--rounds 3] [--model FILE]
       millrace bench kernel [--only ${kernelParts.join(',')}] [--rounds 3] [--seconds 5]

Measures side by side in one run, prints a table and writes it to results/. --continue adds rounds, or sides, to the table that is
there; --install lets peers of several GB be installed.
`;

/** Measurements that need no model, or can do without one. */
const withoutModel: Readonly<
  Record<
    string,
    (
      args: readonly string[],
      terminal: BenchTerminal,
      values: BenchArgs['values'],
    ) => number | Promise<number>
  >
> = {
  attribution: benchAttribution,
  chaos: benchChaos,
  gateway: benchGateways,
  kernel: benchKernel,
  routing: benchRouting,
  trace: benchTrace,
};

/** Runs a measurement; resolves to the exit status. Missing a goal is no failure: it is told. */
export async function runBench(args: readonly string[], terminal: BenchTerminal): Promise<number> {
  const parsed = parseBenchArgs(args);
  if ('problem' in parsed) {
    terminal.err(`millrace bench: ${parsed.problem}\n${usage}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [name] = positionals;
  if (values.help) {
    terminal.out(usage);
    return 0;
  }
  const ofItself = withoutModel[name ?? ''];
  if (ofItself !== undefined) return await ofItself(args, terminal, values);
  const { model } = values;
  const measure = name === undefined ? undefined : withModel[name];
  if (measure === undefined || model === undefined || !existsSync(model)) {
    terminal.err(refusal(model));
    return 2;
  }
  return await measure({ args, terminal, values, context: contextOf(values, model, terminal) });
}

/** A measurement that needs a model, as it was asked for. */
interface ModelBench {
  readonly args: readonly string[];
  readonly terminal: BenchTerminal;
  readonly values: BenchArgs['values'];
  readonly context: BenchContext;
}

const withModel: Readonly<Record<string, (bench: ModelBench) => Promise<number>>> = {
  engine: async ({ args, terminal, values, context }) => {
    const chosen = chosenParts(values.only);
    if ('unknown' in chosen) return refuseWord(terminal, chosen.unknown, engineParts);
    const command = shownCommand(args);
    terminal.out(await benchEngine(context, { chosen, command }));
    return 0;
  },
  parameters: async ({ args, terminal, values, context }) => {
    const only = values.only?.split(',') ?? [];
    const unknown = only.find((word) => !parameterSides.includes(word));
    if (unknown !== undefined) return refuseWord(terminal, unknown, parameterSides);
    return await benchParameters(context, { only, command: shownCommand(args), out: terminal.out });
  },
  record: async ({ terminal, values, context }) => {
    const only = values.only?.split(',') ?? [];
    const unknown = only.find((word) => !recordedPeers.includes(word));
    if (unknown !== undefined) return refuseWord(terminal, unknown, recordedPeers);
    return await recordPeers(context, { only, out: terminal.out });
  },
  soak: async ({ args, terminal, values, context }) => {
    const found = await soak(context, Number(values.requests ?? soakRequests));
    terminal.out(report({ name: 'soak', command: shownCommand(args), ...found }));
    return 0;
  },
};

function contextOf(
  values: BenchArgs['values'],
  model: string,
  terminal: BenchTerminal,
): BenchContext {
  return {
    model,
    threads: Number(values.threads),
    rounds: Number(values.rounds),
    traces: values.traces,
    isQuick: values.quick,
    mayInstall: values.install,
    goesOn: values.continue,
    earlier: [],
    onFigures: () => undefined,
    onProgress: (text) => terminal.err(`${text}\n`),
  };
}

function refuseWord(terminal: BenchTerminal, word: string, known: readonly string[]): number {
  terminal.err(`There is no choice "${word}"; there are: ${known.join(', ')}.\n`);
  return 2;
}

/** The command as it is written beside its figures, without the paths of this machine. */
function shownCommand(args: readonly string[]): string {
  return `millrace bench ${args.map((arg) => arg.replace(/^(--\w+=)?.*\/.*$/, '$1PATH')).join(' ')}`;
}

async function benchAttribution(
  args: readonly string[],
  terminal: BenchTerminal,
  values: BenchArgs['values'],
): Promise<number> {
  const only = values.only?.split(',') ?? [];
  const unknown = only.find((word) => !faultKinds.some(({ name }) => name === word));
  if (unknown !== undefined) {
    return refuseWord(
      terminal,
      unknown,
      faultKinds.map(({ name }) => name),
    );
  }
  const seeds = seedsOf(values.seeds);
  if (seeds === undefined) {
    terminal.err(
      `--seeds ${values.seeds}: it is a list such as 1-30 or 2,4,6, up to ${seedMax}.\n`,
    );
    return 2;
  }
  const minutesMax = Number(values.minutes);
  if (!(minutesMax > 0)) {
    terminal.err(`--minutes ${values.minutes}: it is a number above 0.\n`);
    return 2;
  }
  const { tables, ...found } = await measureAttribution({
    only,
    seeds,
    isReplay: values.replay,
    continues: values.continue,
    minutesMax,
    signal: interrupted(),
    onProgress: (text) => terminal.err(`${text}\n`),
  });
  terminal.out(report({ name: 'attribution', command: shownCommand(args), ...found, tables }));
  return 0;
}

/** Aborts at the first signal to end: what was measured until then is told. A second one ends at once. */
function interrupted(): AbortSignal {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
  return ending.signal;
}

/** The seeds of a list such as `1-4,8`; undefined for what is none. */
function seedsOf(text: string): readonly number[] | undefined {
  const seeds: number[] = [];
  for (const part of text.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(from >= 1 && from <= to && to <= seedMax)) return undefined;
    for (let seed = from; seed <= to; seed++) seeds.push(seed);
  }
  return seeds;
}

async function benchGateways(
  args: readonly string[],
  terminal: BenchTerminal,
  values: { readonly only?: string | undefined; readonly rounds: string; readonly seconds: string },
): Promise<number> {
  const only = values.only?.split(',') ?? [];
  const unknown = only.find((word) => !gatewayChoices.includes(word));
  if (unknown !== undefined) {
    terminal.err(
      `There is no side or load "${unknown}"; there are: ${gatewayChoices.join(', ')}.\n`,
    );
    return 2;
  }
  const found = await measureGateways({
    only,
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    onProgress: (text) => terminal.err(`${text}\n`),
  });
  terminal.out(report({ name: 'gateway', command: `millrace bench ${args.join(' ')}`, ...found }));
  return 0;
}

/** Requests of the long form; the short one is a test. */
const chaosRequests = 100_000;

async function benchChaos(
  args: readonly string[],
  terminal: BenchTerminal,
  values: { readonly requests?: string | undefined },
): Promise<number> {
  const found = await measureChaos({
    requests: Number(values.requests ?? chaosRequests),
    onProgress: (text) => terminal.err(`${text}\n`),
  });
  terminal.out(report({ name: 'chaos', command: shownCommand(args), ...found }));
  return 0;
}

function benchRouting(
  args: readonly string[],
  terminal: BenchTerminal,
  values: { readonly rounds: string; readonly traces?: string | undefined },
): number {
  const found = compareRouting({
    traces: values.traces,
    rounds: Number(values.rounds),
    onProgress: (text) => terminal.err(`${text}\n`),
  });
  const shown = args.map((arg) => (arg.includes('/') ? 'FOLDER' : arg));
  terminal.out(report({ name: 'routing', command: `millrace bench ${shown.join(' ')}`, ...found }));
  return 0;
}

async function benchTrace(
  args: readonly string[],
  terminal: BenchTerminal,
  values: BenchArgs['values'],
): Promise<number> {
  const found = await measureKernelView({
    requests: Number(values.requests ?? traceRequests),
    rounds: Number(values.rounds),
    model: values.model,
    onProgress: (text) => terminal.err(`${text}\n`),
  });
  const shown = args.map((arg) => (arg.includes('/') ? 'FILE' : arg));
  terminal.out(report({ name: 'trace', command: `millrace bench ${shown.join(' ')}`, ...found }));
  return 0;
}

async function benchKernel(
  args: readonly string[],
  terminal: BenchTerminal,
  values: BenchArgs['values'],
): Promise<number> {
  const only = values.only?.split(',') ?? [];
  const unknown = only.find((word) => !kernelParts.includes(word));
  if (unknown !== undefined) return refuseWord(terminal, unknown, kernelParts);
  const found = await measureKernel({
    only,
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    onProgress: (text) => terminal.err(`${text}\n`),
  });
  terminal.out(report({ name: 'kernel', command: `millrace bench ${args.join(' ')}`, ...found }));
  return 0;
}

interface BenchArgs {
  readonly values: {
    readonly only?: string | undefined;
    readonly seeds: string;
    readonly replay: boolean;
    readonly minutes: string;
    readonly rounds: string;
    readonly requests?: string | undefined;
    readonly seconds: string;
    readonly threads: string;
    readonly model?: string | undefined;
    readonly traces?: string | undefined;
    readonly quick: boolean;
    readonly continue: boolean;
    readonly install: boolean;
    readonly help: boolean;
  };
  readonly positionals: readonly string[];
}

/** A flag that is unknown or lacks its value is told, with what there is. */
function parseBenchArgs(args: readonly string[]): BenchArgs | { readonly problem: string } {
  try {
    return readBenchArgs(args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { problem: error.message };
  }
}

function readBenchArgs(args: readonly string[]): BenchArgs {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      seeds: { type: 'string', default: '1-30' },
      replay: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '600' },
      rounds: { type: 'string', default: '3' },
      requests: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      model: { type: 'string' },
      traces: { type: 'string' },
      quick: { type: 'boolean', default: false },
      continue: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
}

function refusal(model: string | undefined): string {
  return model === undefined || existsSync(model) ? usage : `There is no file ${model}.\n${usage}`;
}
