import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { bpffsPath, pinFolderFor, prepareBpffs } from '@millrace/bpf';
import { requireKernel } from '@millrace/bpf/testing';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { runKernelCommand } from './kernel-command.ts';

test('tells of pins and for whom they are, and removes them, of every version of the layout', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_SYS_ADMIN'])) return;
  // In a bpffs of our own, so that what others have in theirs is left alone.
  prepareBpffs({ isOwn: true });
  const folder = pinFolderFor({ name: 'unload' });
  folder.create();
  mkdirSync(join(bpffsPath, 'millrace', 'v0', 'older'), { recursive: true });
  const status = new FakeTerminal();
  assert.equal(await runKernelCommand(['status'], status), 0);
  assert.match(
    status.outText,
    new RegExp(`^pins .*unload.*process ${process.pid}, which runs$`, 'm'),
  );
  const unload = new FakeTerminal();
  await runKernelCommand(['unload'], unload);
  assert.match(unload.outText, /^Removed \d+ pins\.$/m);
  assert.equal(existsSync(folder.path), false);
  assert.equal(existsSync(join(bpffsPath, 'millrace')), false);
});

test('an action that there is not is answered by the usage', async () => {
  const terminal = new FakeTerminal();
  assert.equal(await runKernelCommand(['load'], terminal), 2);
  assert.match(terminal.errText, /kernel unload/);
  const help = new FakeTerminal();
  assert.equal(await runKernelCommand(['--help'], help), 0);
  assert.match(help.outText, /kernel unload/);
  const byTwin = new FakeTerminal({ env: { MILLRACE_HELP: '1' } });
  assert.equal(await runKernelCommand([], byTwin), 0);
  assert.match(byTwin.outText, /--help .*\[MILLRACE_HELP\]/);
});
