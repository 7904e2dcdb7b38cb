import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { BenchContext, Comparison } from './compare/comparison.ts';
import { gatewayChoices, measureGateways } from './compare/gateway.ts';
import { measureKernelView } from './compare/kernel-view.ts';
import { compareLiveFleet } from './compare/live-fleet.ts';
import { compareLlamaServer } from './compare/llama-server.ts';
import { measureOverhead } from './compare/overhead.ts';
import { compareRouting } from './compare/routing.ts';
import { soak } from './compare/soak.ts';
import { compareStatic } from './compare/static-batching.ts';
import { report } from './report/report.ts';

/** Where a measurement writes. */
export interface BenchTerminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const soakRequests = 10_000;
const traceRequests = 1000;
const usage = `Usage: millrace bench engine [--only static,llama-server,overhead,fleet] [--rounds 3] [--traces FOLDER]
                             [--quick] --model FILE
       millrace bench soak [--requests 10000] --model FILE
       millrace bench gateway [--only nginx,millrace,unary,…] [--rounds 3] [--seconds 5]
       millrace bench routing [--rounds 3] [--traces FOLDER]
       millrace bench trace [--requests 1000] [--rounds 3] [--model FILE]

Measures side by side in one run, prints a table and writes it to results/.
`;

const parts: Readonly<Record<string, (context: BenchContext) => Promise<Comparison>>> = {
  overhead: measureOverhead,
  static: compareStatic,
  'llama-server': compareLlamaServer,
  fleet: compareLiveFleet,
};

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
> = { gateway: benchGateways, routing: benchRouting, trace: benchTrace };

/** Runs a measurement; resolves to the exit status. Missing a goal is no failure: it is told. */
export async function runBench(args: readonly string[], terminal: BenchTerminal): Promise<number> {
  const { values, positionals } = parseBenchArgs(args);
  const [name] = positionals;
  const ofItself = withoutModel[name ?? ''];
  if (ofItself !== undefined) return await ofItself(args, terminal, values);
  const { model } = values;
  if ((name !== 'engine' && name !== 'soak') || model === undefined || !existsSync(model)) {
    terminal.err(refusal(model));
    return 2;
  }
  const context: BenchContext = {
    model,
    threads: Number(values.threads),
    rounds: Number(values.rounds),
    traces: values.traces,
    isQuick: values.quick,
    onProgress: (text) => terminal.err(`${text}\n`),
  };
  const chosen = chosenParts(name, values.only);
  const unknown = chosen.find((part) => parts[part] === undefined);
  if (unknown !== undefined) {
    terminal.err(
      `There is no comparison "${unknown}"; there are: ${Object.keys(parts).join(', ')}.\n`,
    );
    return 2;
  }
  const found: Comparison[] =
    name === 'soak' ? [await soak(context, Number(values.requests ?? soakRequests))] : [];
  for (const part of chosen) found.push(await (parts[part] as (typeof parts)[string])(context));
  const text = report({
    name: name === 'soak' ? 'soak' : `engine-${chosen.join('-')}`,
    command: `millrace bench ${args.filter((arg) => !arg.includes('/')).join(' ')}`,
    figures: found.flatMap((part) => part.figures),
    goals: found.flatMap((part) => part.goals),
    notes: found.flatMap((part) => part.notes),
  });
  terminal.out(text);
  return 0;
}

function chosenParts(
  name: 'engine' | 'soak',
  only = 'overhead,static,llama-server',
): readonly string[] {
  return name === 'soak' ? [] : only.split(',');
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

interface BenchArgs {
  readonly values: {
    readonly only?: string | undefined;
    readonly rounds: string;
    readonly requests?: string | undefined;
    readonly seconds: string;
    readonly threads: string;
    readonly model?: string | undefined;
    readonly traces?: string | undefined;
    readonly quick: boolean;
  };
  readonly positionals: readonly string[];
}

function parseBenchArgs(args: readonly string[]): BenchArgs {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      requests: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      model: { type: 'string' },
      traces: { type: 'string' },
      quick: { type: 'boolean', default: false },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
}

function refusal(model: string | undefined): string {
  return model === undefined || existsSync(model) ? usage : `There is no file ${model}.\n${usage}`;
}
