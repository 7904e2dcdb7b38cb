import type { Terminal } from '../cli/terminal.ts';

export async function tuneModel(_args: readonly string[], _terminal: Terminal): Promise<number> {
  return 0;
}
