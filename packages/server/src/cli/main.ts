import { FaultError } from '@millrace/stdx';
import { ServerError } from '../errors.ts';
import { suggestion } from '../config/settings.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** A command: its line of help, and what it does. Resolves to the exit status. */
export interface Command {
  readonly summary: string;
  readonly load: () => Promise<(args: readonly string[], terminal: Terminal) => Promise<number>>;
}

// Each command is loaded when it is asked for: `up` must not wait for what only others need.
const commands: Readonly<Record<string, Command>> = {
  up: {
    summary: 'serve a model: engine, gateway and status page (the default)',
    load: async () => (await import('./up-command.ts')).runUpCommand,
  },
  engine: {
    summary: 'serve a model by the engine alone',
    load: async () => (await import('./engine-command.ts')).runEngineCommand,
  },
  models: {
    summary: 'list, pull, remove and tune models',
    load: async () => (await import('./models-command.ts')).runModelsCommand,
  },
  chat: {
    summary: 'talk to a served model in the terminal',
    load: async () => (await import('./chat-command.ts')).runChatCommand,
  },
  trace: {
    summary: 'watch LLM servers of this machine from the kernel, and say why requests were slow',
    load: async () => (await import('./trace-command.ts')).runTraceCommand,
  },
  kernel: {
    summary: 'say what of ours is in the kernel, and unload it',
    load: async () => (await import('./kernel-command.ts')).runKernelCommand,
  },
  doctor: {
    summary: 'say what this machine has and lacks',
    load: async () => (await import('./doctor-command.ts')).runDoctorCommand,
  },
  config: {
    summary: 'check or print a configuration file, or its schema',
    load: async () => (await import('./config-command.ts')).runConfigCommand,
  },
  replay: {
    summary: 'make recorded routing decisions again, offline',
    load: async () => (await import('./replay-command.ts')).runReplayCommand,
  },
  bench: {
    summary: 'measure, side by side with others (in a clone)',
    load: async () => (await import('./bench-command.ts')).runBenchCommand,
  },
};

/** Runs a command line without the program's name; resolves to the exit status. */
export async function main(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  const [first, ...rest] = argv;
  const told = await toldAbout(first);
  if (told !== undefined) {
    terminal.out(told);
    return 0;
  }
  const isNamed = first !== undefined && !first.startsWith('-');
  const name = isNamed ? first : 'up';
  const command = commands[name];
  if (command === undefined) {
    terminal.err(
      `There is no command "${name}"${suggestion(name, Object.keys(commands))}\n\n${help()}`,
    );
    return 2;
  }
  try {
    const run = await command.load();
    return await run(isNamed ? rest : argv, terminal);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    terminal.err(`millrace ${name}: ${error.message}\n`);
    return error instanceof ServerError && error.code === 'SERVER_SETTING_INVALID' ? 2 : 1;
  }
}

/** What is only asked for and not done: the help, the version. */
async function toldAbout(first: string | undefined): Promise<string | undefined> {
  if (first === '--help' || first === 'help') return help();
  if (first === '--version' || first === 'version') return `${await readVersion()}\n`;
  return undefined;
}

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(
    ([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`,
  );
  return `Usage: millrace [command] [flags]\n\n${lines.join('\n')}\n\nmillrace COMMAND --help says more.\n`;
}

async function readVersion(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
