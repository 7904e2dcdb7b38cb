import { messageOf } from '@millrace/stdx';
import { createEngine, type ListenAddress, serveEngine } from '@millrace/engine';
import { engineOptionsOf, engineSettings } from '../config/engine-settings.ts';
import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import { ensureModel } from '../models/ensure-model.ts';
import type { EngineMessage } from '../supervise/engine-process.ts';
import type { Terminal } from './terminal.ts';
import { waitForEnd } from './wait-for-end.ts';

/** Flags of the command. */
export const engineCommandSettings: SettingTable = {
  model: { kind: 'text', value: 'REF', help: 'a GGUF file, or hf:owner/repository/file.gguf' },
  'model-id': { kind: 'text', value: 'NAME', help: 'name under which it is served' },
  host: { kind: 'text', value: 'HOST', help: 'address to listen on; by default 127.0.0.1' },
  port: { kind: 'number', value: 'N', help: 'port to listen on', bounds: [0, 65_535] },
  socket: { kind: 'text', value: 'PATH', help: 'Unix socket to listen on, instead of a port' },
  ...engineSettings,
  help: { kind: 'switch', help: 'say this' },
};

/** Requests that still run after this long are cut when the engine is told to end. */
const drainMsMax = 30_000;

/** `millrace engine`: the engine behind its own server, until it is told to end. */
export async function runEngineCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const settings = readSettings(engineCommandSettings, { args, env: terminal.env });
  if (settings.values.get('help') === true) {
    terminal.out(
      `Usage: millrace engine --model REF --port N\n\n${describeSettings(engineCommandSettings)}\n`,
    );
    return 0;
  }
  const listen = listenAddress(settings.values);
  const model = await ensureModel(settings.values.get('model') as string | undefined, terminal);
  const options = engineOptionsOf(settings, model.path);
  const engine = await createEngine({ ...options, modelId: options.modelId ?? model.id });
  const server = await serveEngine({
    engine,
    listen,
    onFault: (error) => terminal.err(`millrace engine: ${messageOf(error)}\n`),
  });
  const { address } = server;
  const where = 'path' in address ? address.path : `http://${address.host}:${address.port}`;
  terminal.err(`serving ${engine.model.id} (${engine.model.description}) on ${where}\n`);
  const ready: EngineMessage = { kind: 'ready', modelId: engine.model.id };
  process.send?.(ready);

  const ending = waitForEnd(terminal.env).then(() => 0);
  const failed = engine.ended.then(() => 0);
  const how = await Promise.race([ending, failed.catch((error: unknown) => messageOf(error))]);
  if (typeof how === 'string') {
    terminal.err(`millrace engine: ${how}\n`);
    await server[Symbol.asyncDispose]();
    return 1;
  }
  const cut = setTimeout(() => void server[Symbol.asyncDispose](), drainMsMax);
  await Promise.all([engine.drain(), server.close()]);
  clearTimeout(cut);
  await engine[Symbol.asyncDispose]();
  return 0;
}

function listenAddress(values: ReadonlyMap<string, string | number | boolean>): ListenAddress {
  const socket = values.get('socket');
  const port = values.get('port');
  if (typeof socket === 'string' && port !== undefined) {
    throw new ServerError('--socket and --port are both given; give one', {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  if (typeof socket === 'string') return { path: socket };
  if (typeof port !== 'number') {
    throw new ServerError('--port or --socket is missing', { code: 'SERVER_SETTING_INVALID' });
  }
  return { host: String(values.get('host') ?? '127.0.0.1'), port };
}
