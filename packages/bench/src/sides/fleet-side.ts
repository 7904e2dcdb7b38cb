import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child-server.ts';
import { millraceCommand } from './millrace-command.ts';
import { millraceSide } from './millrace-side.ts';
import type { RunningSide, Side } from './side.ts';

/** Several of Millrace's engines behind its gateway, which chooses among them by `policy`. */
export function fleetSide(options: {
  readonly policy: string;
  readonly model: string;
  readonly engineCount: number;
  /** Flags of each engine. */
  readonly flags: readonly string[];
}): Side {
  return { name: options.policy, start: () => startFleet(options) };
}

async function startFleet(options: Parameters<typeof fleetSide>[0]): Promise<RunningSide> {
  await using parts = new AsyncDisposableStack();
  const urls: string[] = [];
  for (let index = 0; index < options.engineCount; index++) {
    const started = await millraceSide(`engine ${index}`, options.model, options.flags).start();
    if ('unavailable' in started) throw new Error(started.unavailable);
    urls.push(parts.use(started).url);
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fleet-'));
  parts.defer(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'millrace.yaml');
  const endpoints = urls.map((url) => ({ url }));
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ endpoints, routing: { policy: options.policy } }));
  const gateway = parts.use(
    await startChild({
      command: (port) => millraceCommand('up', `--config=${file}`, `--port=${port}`, '--no-open'),
      modelId: 'bench',
    }),
  );
  const running = parts.move();
  return {
    url: gateway.url,
    modelId: gateway.modelId,
    processId: gateway.processId,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
