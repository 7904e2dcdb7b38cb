import { type Clock, systemClock } from '@millrace/stdx';

/** How often a process that npm has started looks whether npm still lives. */
const lookMs = 250;

/**
 * Resolves when this process is told to end: by a signal, by its channel to a parent, or by the end of the npm that
 * has started it. npm passes a signal on to the shell between, and a shell dies of it without a word to its child.
 */
export function waitForEnd(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const name of ['SIGTERM', 'SIGINT', 'disconnect']) process.off(name, settle);
      isOver = true;
      resolve();
    };
    let isOver = false;
    for (const name of ['SIGTERM', 'SIGINT', 'disconnect']) process.on(name, settle);
    if (env['npm_lifecycle_event'] === undefined) return;
    const parent = process.ppid;
    const look = (): void => {
      if (process.ppid !== parent) settle();
      else if (!isOver) clock.after(lookMs, look);
    };
    look();
  });
}
