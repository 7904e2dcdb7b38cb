import { spawn } from 'node:child_process';
import type { Terminal } from './terminal.ts';

/** Opens an address in the user's browser, where somebody is there to see it. */
export function openBrowser(address: string, terminal: Terminal): void {
  const { env, isInteractive } = terminal;
  const hasDisplay =
    process.platform !== 'linux' ||
    env['DISPLAY'] !== undefined ||
    env['WAYLAND_DISPLAY'] !== undefined;
  if (
    !isInteractive ||
    !hasDisplay ||
    env['CI'] !== undefined ||
    env['SSH_CONNECTION'] !== undefined
  )
    return;
  const program =
    process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open';
  const child = spawn(program, [address], { stdio: 'ignore', detached: true });
  child.on('error', () =>
    terminal.err(`millrace: no browser could be opened; the dashboard is at ${address}\n`),
  );
  child.unref();
}
