import { startChild } from './child-server.ts';
import { millraceCommand } from './millrace-command.ts';
import type { Side } from './side.ts';

/** Millrace's engine alone, with these flags. */
export function millraceSide(name: string, model: string, flags: readonly string[]): Side {
  return {
    name,
    start: () =>
      startChild({
        command: (port) =>
          millraceCommand(
            ...['engine', `--model=${model}`, '--model-id=bench', `--port=${port}`],
            ...flags,
          ),
        modelId: 'bench',
        env: { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
      }),
  };
}
