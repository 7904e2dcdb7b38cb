import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

interface Bench {
  readonly runBench: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

/** The name is no literal, so that the product does not depend on a package that only a clone has. */
const benchPackage: string = '@millrace/bench';

/** `millrace bench`: the measurements of a clone. */
export async function runBenchCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  let bench: Bench;
  try {
    bench = (await import(benchPackage)) as Bench;
  } catch (cause) {
    throw new ServerError(
      'measurements are part of a clone of the repository; this installation has none',
      {
        code: 'SERVER_SETTING_INVALID',
        cause,
      },
    );
  }
  return bench.runBench(args, terminal);
}
