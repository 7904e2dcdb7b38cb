import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openGatewayOfFakeEngine } from '../testing/gateway-of-fake-engine.ts';

const script = fileURLToPath(new URL('../testing/python-clients.py', import.meta.url));
const run = promisify(execFile);

test('the Python clients of OpenAI and Anthropic chat, stream, call tools and count', async (t) => {
  const folder = process.env['MILLRACE_PYTHON_CLIENTS'];
  if (folder === undefined || folder === '') {
    t.skip(
      'needs the Python clients: set MILLRACE_PYTHON_CLIENTS to a folder made by pip install --target, as .ci/run does',
    );
    return;
  }
  await using server = await openGatewayOfFakeEngine();
  const env = { ...process.env, PYTHONPATH: folder };
  const { stdout } = await run('python3', [script, server.url], { env, timeout: 120_000 });
  assert.deepEqual(stdout.trim().split('\n'), [
    'check_chat',
    'check_responses',
    'check_messages',
    'check_tools',
  ]);
});
