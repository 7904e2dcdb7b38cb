import { readFileSync } from 'node:fs';
import { findHolders, findPinFolders, type Holder, removeAllPins } from '@millrace/bpf';
import { messageOf } from '@millrace/stdx';
import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

const usage = `Usage: millrace kernel status    what of ours is in the kernel, and for whom
       millrace kernel unload    remove all of it that no running process holds
`;

/** Flags of the command. */
export const kernelSettings: SettingTable = {
  help: { kind: 'switch', help: 'say this' },
};

/** `millrace kernel`: what Millrace has in the kernel. Status 1 of `unload` when something is still held. */
export async function runKernelCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { values, rest } = readSettings(kernelSettings, { args, env: terminal.env });
  const help = `${usage}\n${describeSettings(kernelSettings)}\n`;
  if (values.get('help') === true) {
    terminal.out(help);
    return 0;
  }
  const [action, ...surplus] = rest;
  if (surplus.length > 0 || (action !== 'status' && action !== 'unload')) {
    terminal.err(help);
    return 2;
  }
  return action === 'status' ? tellStatus(terminal) : unload(terminal);
}

function tellStatus(terminal: Terminal): number {
  for (const mount of bpffsMounts()) {
    for (const { folder, pid, isOwned } of foldersOf(mount)) {
      const whose = isOwned ? `process ${pid}, which runs` : `process ${pid}, which is gone`;
      terminal.out(`pins     ${folder.path}, for ${whose}\n`);
    }
  }
  const holders = ourHolders();
  for (const holder of holders) terminal.out(`process  ${describe(holder)}\n`);
  if (holders.length === 0 && bpffsMounts().every((mount) => foldersOf(mount).length === 0)) {
    terminal.out('Nothing of Millrace is in the kernel, as far as this user may look.\n');
  }
  return 0;
}

function unload(terminal: Terminal): number {
  let count = 0;
  for (const mount of bpffsMounts()) count += remove(mount);
  terminal.out(`Removed ${count} pins.\n`);
  const holders = ourHolders();
  for (const holder of holders) {
    terminal.err(`${describe(holder)}; it lets go when it ends: kill ${holder.pid}\n`);
  }
  return holders.length === 0 ? 0 : 1;
}

function remove(mount: string): number {
  try {
    return removeAllPins(mount);
  } catch (cause) {
    throw new ServerError(`remove pins below ${mount}: ${messageOf(cause)}; it may need root`, {
      code: 'SERVER_KERNEL_VIEW_UNAVAILABLE',
      cause,
    });
  }
}

function foldersOf(mount: string): ReturnType<typeof findPinFolders> {
  try {
    return findPinFolders(mount);
  } catch (cause) {
    throw new ServerError(`look below ${mount}: ${messageOf(cause)}; it may need root`, {
      code: 'SERVER_KERNEL_VIEW_UNAVAILABLE',
      cause,
    });
  }
}

function describe({ pid, command, links }: Holder): string {
  return `${pid} (${command.slice(0, 120)}) holds ${links} programs at their hooks`;
}

/** Processes that run Millrace and have something attached; whatever else uses eBPF is not ours to tell of. */
function ourHolders(): readonly Holder[] {
  return findHolders().filter(
    ({ command, links }) => links > 0 && /millrace|cli\/main\.[tj]s trace/.test(command),
  );
}

function bpffsMounts(): readonly string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'bpf')
    .flatMap(([, path]) => (path === undefined ? [] : [path]));
  return [...new Set(mounts)];
}
