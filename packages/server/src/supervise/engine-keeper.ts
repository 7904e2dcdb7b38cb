import { spawn } from 'node:child_process';

/** What a keeper is told first. */
export interface KeeperOrder {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** From asking it to end until it is made to. */
  readonly endMsMax: number;
}

/** How what it keeps ended. */
export interface KeeperNews {
  readonly kind: 'ended';
  readonly how: string;
}

/** Waits for the order of the parent; what the keeper's process runs. */
export function awaitOrder(): void {
  process.once('message', (order: KeeperOrder) => keep(order));
}

/**
 * Keeps a foreign engine: starts it in a process group of its own, tells how it ended, and ends all of the group when
 * the process that wanted it is gone, however that went. Engines start helpers that outlive a plain signal.
 */
function keep(order: KeeperOrder): void {
  const child = spawn(order.program, order.args, {
    env: { ...process.env, ...order.env },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    signalGroup(child.pid, 'SIGTERM');
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), order.endMsMax).unref();
  };
  process.once('disconnect', end);
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  const tell = (how: string): void => {
    // Helpers of an engine that died are of no use, and hold its memory.
    signalGroup(child.pid, 'SIGKILL');
    const news: KeeperNews = { kind: 'ended', how };
    if (process.connected) process.send?.(news, () => process.exit());
    else process.exit();
  };
  child.once('error', (error) => tell(error.message));
  child.once('exit', (code, signal) => tell(signal ?? `status ${code}`));
}

function signalGroup(processId: number | undefined, signal: NodeJS.Signals): void {
  if (processId === undefined) return;
  try {
    process.kill(-processId, signal);
  } catch {
    // The group has ended by itself.
  }
}
