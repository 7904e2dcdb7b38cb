import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EndpointOptions } from '@millrace/gateway';
import type { Clock } from '@millrace/stdx';
import type { EngineConfig } from '../config/engines-schema.ts';
import type { FileConfig } from '../config/file-schema.ts';
import { engineName } from '../config/read-config-file.ts';
import { freePort, LaunchedEngine } from '../supervise/launched-engine.ts';
import type { LaunchPlace, LaunchSpec } from '../supervise/launch-command.ts';
import { timeLimitsOf } from './policies-of-config.ts';

const host = '127.0.0.1';
const lookMsMax = 5_000;
const settleLookMs = 100;
const kinds = {
  vllm: 'vllm',
  'llama-server': 'llama.cpp',
  'trtllm-serve': 'tensorrt-llm',
} as const;

interface Launched {
  readonly key: string;
  readonly engine: LaunchedEngine;
  readonly options: EndpointOptions;
}

/** What starting engines needs. */
export interface LaunchedEnginesParts {
  readonly clock: Clock;
  readonly onNews: (news: string) => void;
}

/** The engines that a configuration has started here. One that stays as it is goes on; its endpoint is the same. */
export class LaunchedEngines implements AsyncDisposable {
  readonly #parts: LaunchedEnginesParts;
  #launched: readonly Launched[] = [];
  readonly #leaving = new Set<Launched>();
  #folder: string | undefined;

  constructor(parts: LaunchedEnginesParts) {
    this.#parts = parts;
  }

  /** Starts what is not running yet; resolves to the endpoints of all. What is no longer named runs on until it is ended. */
  async start(config: FileConfig): Promise<readonly EndpointOptions[]> {
    const wanted: Launched[] = [];
    for (const [index, engine] of (config.engines ?? []).entries()) {
      const name = engineName(engine, index);
      const key = JSON.stringify([name, engine, config.timeouts]);
      const known = this.#launched.find((one) => one.key === key);
      wanted.push(known ?? (await this.#launch(engine, { key, name, config })));
    }
    for (const one of this.#launched) if (!wanted.includes(one)) this.#leaving.add(one);
    this.#launched = wanted;
    return wanted.map(({ options }) => options);
  }

  /** Resolves when each serves, or has ended once without. */
  async settled(): Promise<void> {
    await Promise.all(this.#launched.map(({ engine }) => this.#settledOne(engine)));
  }

  async #settledOne(engine: LaunchedEngine): Promise<void> {
    while (engine.state === 'starting')
      await new Promise<void>((resolve) => void this.#parts.clock.after(settleLookMs, resolve));
  }

  /** Ends an engine whose endpoint has left and has no requests any more. */
  async end({ url }: Pick<EndpointOptions, 'url'>): Promise<void> {
    for (const one of [...this.#leaving]) {
      if (one.options.url.href !== url.href) continue;
      this.#leaving.delete(one);
      await one.engine[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#launched, ...this.#leaving];
    await Promise.all(all.map(({ engine }) => engine[Symbol.asyncDispose]()));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  /** vLLM listens at an address with a star in it or at a Unix socket, and connects to all others: the socket is this user's alone. */
  async #placeOf(engine: EngineConfig): Promise<LaunchPlace> {
    const port = engine.port ?? (await freePort(host));
    if (engine.launch !== 'vllm' || engine.kvEvents === false) return { host, port };
    this.#folder ??= mkdtempSync(join(tmpdir(), 'millrace-kv-'));
    const at = `ipc://${join(this.#folder, String(port))}`;
    return { host, port, events: { url: `${at}.events`, replay: `${at}.replay` } };
  }

  async #launch(
    engine: EngineConfig,
    step: { readonly key: string; readonly name: string; readonly config: FileConfig },
  ): Promise<Launched> {
    const { clock, onNews } = this.#parts;
    const { key, name, config } = step;
    const place = await this.#placeOf(engine);
    const url = new URL(`http://${host}:${place.port}`);
    const launched = new LaunchedEngine({
      name,
      spec: specOf(engine),
      place,
      clock,
      onNews,
      isHealthy: () => isHealthy(url),
    });
    return { key, engine: launched, options: optionsOf(engine, { name, url, place, config }) };
  }
}

async function isHealthy(url: URL): Promise<boolean> {
  const response = await fetch(new URL('/health', url), {
    signal: AbortSignal.timeout(lookMsMax),
  });
  await response.arrayBuffer();
  return response.ok;
}

function specOf(engine: EngineConfig): LaunchSpec {
  return {
    launch: engine.launch,
    model: engine.model,
    servedName: servedNameOf(engine),
    contextTokensMax: engine.context,
    sequencesMax: engine.sequences ?? 256,
    batchTokensMax: engine.batchTokens ?? 8_192,
    command: engine.command,
    args: engine.args ?? [],
    env: engine.env ?? {},
  };
}

/** The last part of a path or a name, without the ending of a file. */
function servedNameOf({ servedName, model }: EngineConfig): string {
  const last = model.replace(/\/+$/, '').split('/').at(-1) ?? model;
  return servedName ?? last.replace(/\.gguf$/i, '');
}

function optionsOf(
  engine: EngineConfig,
  step: {
    readonly name: string;
    readonly url: URL;
    readonly place: LaunchPlace;
    readonly config: FileConfig;
  },
): EndpointOptions {
  const { events } = step.place;
  return {
    name: step.name,
    url: step.url,
    kind: kinds[engine.launch],
    models: undefined,
    contextTokensMax: engine.context,
    weight: engine.weight ?? 1,
    authorization: undefined,
    limits: timeLimitsOf({}, step.config.timeouts),
    ...(engine.tier !== undefined && { tier: engine.tier }),
    ...(engine.costPerMillionTokens !== undefined && {
      costPerMillionTokens: engine.costPerMillionTokens,
    }),
    ...(events !== undefined && { kvEvents: events }),
  };
}
