import { fileURLToPath } from 'node:url';
import { startChild } from './child-server.ts';
import type { Side } from './side.ts';

/** Millrace's engine alone, with these flags. */
export function millraceSide(name: string, model: string, flags: readonly string[]): Side {
  const program = fileURLToPath(new URL('../../../server/bin/millrace.js', import.meta.url));
  return {
    name,
    start: () =>
      startChild({
        command: (port) => [
          process.execPath,
          '--conditions=@millrace/source',
          program,
          'engine',
          `--model=${model}`,
          '--model-id=bench',
          `--port=${port}`,
          ...flags,
        ],
        modelId: 'bench',
        env: { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
      }),
  };
}
