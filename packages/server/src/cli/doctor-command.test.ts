import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { Finding } from '../doctor/finding.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { runDoctorCommand } from './doctor-command.ts';

test('every finding has a line, a mend stands below what lacks', async () => {
  await using folder = await temporaryFolder();
  const terminal = new FakeTerminal({ env: { MILLRACE_CACHE: folder.path } });
  const status = await runDoctorCommand([], terminal);
  assert.match(terminal.outText, /^✔ Node: v\d+/);
  assert.match(
    terminal.outText,
    /^– default model: .* is not here yet\n {4}mend: millrace models pull$/m,
  );
  assert.equal(status, terminal.outText.includes('✖') ? 1 : 0);
});

test('a cache folder that cannot be made is bad, and so is the status', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  const terminal = new FakeTerminal({ env: { MILLRACE_CACHE: file } });
  assert.equal(await runDoctorCommand(['--json'], terminal), 1);
  const findings = JSON.parse(terminal.outText) as readonly Finding[];
  const found = findings.find(({ subject }) => subject === 'cache folder');
  assert.equal(found?.state, 'bad');
  assert.equal(found?.mend, 'set MILLRACE_CACHE to a folder that can be written');
});

test('the environment stands for its flags; what is no flag is refused', async () => {
  await using folder = await temporaryFolder();
  const terminal = new FakeTerminal({
    env: { MILLRACE_CACHE: folder.path, MILLRACE_JSON: 'true' },
  });
  await runDoctorCommand([], terminal);
  assert.ok(Array.isArray(JSON.parse(terminal.outText)));
  const help = new FakeTerminal({ env: { MILLRACE_HELP: 'true' } });
  assert.equal(await runDoctorCommand([], help), 0);
  assert.match(help.outText, /--json .*\[MILLRACE_JSON\]/);
  for (const args of [['kernel'], ['--jsno']]) {
    await assert.rejects(runDoctorCommand(args, new FakeTerminal()), {
      code: 'SERVER_SETTING_INVALID',
    });
  }
});
