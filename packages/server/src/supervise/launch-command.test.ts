import assert from 'node:assert/strict';
import test from 'node:test';
import { launchCommand, launchKinds, type LaunchSpec } from './launch-command.ts';

const events = { url: 'ipc:///run/kv', replay: 'ipc:///run/kv-replay' };
const place = { host: '127.0.0.1', port: 9001, events };
const spec: LaunchSpec = {
  launch: 'vllm',
  model: '/models/smol',
  servedName: 'smol',
  contextTokensMax: 4096,
  sequencesMax: 64,
  batchTokensMax: 2048,
  command: undefined,
  args: [],
  env: {},
};

function flag(args: readonly string[], name: string): string | undefined {
  return args[args.indexOf(name) + 1];
}

test('vLLM is started with chunked prefill, prefix caching, its bounds and KV events', () => {
  const { program, args, env } = launchCommand(spec, place);
  assert.equal(program, 'vllm');
  assert.deepEqual(args.slice(0, 2), ['serve', '/models/smol']);
  for (const name of [
    '--enable-chunked-prefill',
    '--enable-prefix-caching',
    '--enable-prompt-tokens-details',
  ])
    assert.ok(args.includes(name), name);
  assert.equal(flag(args, '--max-num-seqs'), '64');
  assert.equal(flag(args, '--max-num-batched-tokens'), '2048');
  assert.equal(flag(args, '--max-model-len'), '4096');
  const config = JSON.parse(flag(args, '--kv-events-config') ?? '') as Record<string, unknown>;
  assert.equal(config['endpoint'], events.url);
  assert.equal(config['replay_endpoint'], events.replay);
  assert.equal(env['VLLM_NO_USAGE_STATS'], '1', 'what is started here tells nobody of it');
});

test("llama.cpp's server shares its context out among its slots", () => {
  const { args } = launchCommand({ ...spec, launch: 'llama-server', sequencesMax: 4 }, place);
  assert.equal(flag(args, '--ctx-size'), '16384');
  assert.equal(flag(args, '--parallel'), '4');
  assert.ok(args.includes('--metrics') && args.includes('--slots'));
});

test('TensorRT-LLM is told by a file to return metrics', () => {
  const { args, file } = launchCommand({ ...spec, launch: 'trtllm-serve' }, place);
  assert.equal(flag(args, '--extra_llm_api_options'), '{file}');
  assert.match(file ?? '', /"enable_chunked_prefill":true.*"return_perf_metrics":true/);
});

test('what the user gives comes last, and another program is possible', () => {
  for (const launch of launchKinds) {
    const { program, args, env } = launchCommand(
      {
        ...spec,
        launch,
        command: ['python3', '-m', 'server'],
        args: ['--x'],
        env: { DO_NOT_TRACK: '0' },
      },
      place,
    );
    assert.equal(program, 'python3');
    assert.deepEqual(args.slice(0, 2), ['-m', 'server']);
    assert.equal(args.at(-1), '--x');
    assert.equal(env['DO_NOT_TRACK'], '0');
  }
});
