import { statSync } from 'node:fs';
import {
  type Context,
  LlamaError,
  loadLlama,
  type Model,
  type SamplerOptions,
  type Vocabulary,
} from '@millrace/llama';
import type { Registry } from '@millrace/telemetry';
import { EngineError } from './errors.ts';
import { gbnfProblem } from './grammar/gbnf-problem.ts';
import { KvLedger } from './kv-cache/kv-ledger.ts';
import { cellsAtMost, type PoolPlan, planPools } from './kv-cache/pool-plan.ts';
import type { PoolShape } from './kv-cache/slot-pool.ts';
import { type EngineOptions, resolveEngineOptions, type ResolvedEngineOptions } from './options.ts';
import type { GenerationRequest, RejectedSubmission, Submission } from './request.ts';
import { Answer } from './runner/answer.ts';
import { calibrate } from './runner/calibrate.ts';
import { ContextPools } from './runner/context-pools.ts';
import { Embedder } from './runner/embedder.ts';
import { EngineLoop } from './runner/engine-loop.ts';
import { createEngineMetrics, type EngineMetrics } from './runner/engine-metrics.ts';
import { GenerationStream } from './runner/generation-stream.ts';
import { LiveRequest } from './runner/live-request.ts';
import { PoolGrowth } from './runner/pool-growth.ts';
import { createScheduler } from './scheduler/create-scheduler.ts';
import type { Scheduler } from './scheduler/step-plan.ts';
import { StepTimePredictor } from './scheduler/step-time-predictor.ts';
import { Sequence } from './sequence/sequence.ts';

/** The model that an engine serves. */
export interface EngineModel {
  readonly id: string;
  readonly path: string;
  readonly description: string;
  readonly fileType: string;
  readonly contextTokensMax: number;
  readonly embeddingSize: number;
  readonly chatTemplate: string | undefined;
  readonly vocabulary: Vocabulary;
  readonly createdUnixS: number;
}

/** An engine: takes requests for one model and batches them continuously. */
export interface Engine extends AsyncDisposable {
  readonly model: EngineModel;
  readonly metrics: Registry;
  /** False while the engine drains or after it has failed. */
  readonly isReady: boolean;
  /** Rejects when the engine has failed for good; resolves when it was disposed. */
  readonly ended: Promise<void>;
  submit(request: GenerationRequest): Submission;
  /** Mean-pooled, L2-normalised embeddings of token lists. Throws `ENGINE_INPUT_TOO_LONG`. */
  embed(inputs: readonly Int32Array[], signal?: AbortSignal): Promise<readonly Float32Array[]>;
  /** Refuses new requests and resolves when the accepted ones have ended. */
  drain(): Promise<void>;
}

/** Loads a model and starts to serve it. Throws `LlamaError` and `EngineError`. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const resolved = resolveEngineOptions(options);
  const library = loadLlama({ accelerator: resolved.accelerator });
  const model = await library.loadModel(resolved.modelPath);
  try {
    return await RunningEngine.start(model, resolved);
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** While requests wait, a client is told to come back after at least this long. */
const retryMsMin = 1000;
const retryMsMax = 60_000;

class RunningEngine implements Engine {
  readonly model: EngineModel;
  readonly ended: Promise<void>;
  readonly #options: ResolvedEngineOptions;
  readonly #model: Model;
  readonly #scheduler: Scheduler;
  readonly #metrics: EngineMetrics;
  readonly #pools: ContextPools;
  readonly #embedder: Embedder;
  readonly #loop: EngineLoop;
  readonly #drained: (() => void)[] = [];
  #sequenceCount = 0;
  #isDraining = false;
  #hasFailed = false;

  static async start(model: Model, options: ResolvedEngineOptions): Promise<RunningEngine> {
    const contextTokensMax = Math.min(options.contextTokensMax, model.contextTokensTrained);
    const plans = planPools({
      layout: options.layout,
      sequencesMax: options.sequencesMax,
      contextTokensMax,
      kvBytesPerToken: model.kvBytesPerToken,
      kvBytesMax: options.kvBytesMax,
      hasPortableSequences: model.hasPortableSequences,
    });
    const createContext = contextCreator(model, options);
    const contexts: (Context | undefined)[] = [];
    for (const { initial } of plans) {
      contexts.push(initial.slotCount === 0 ? undefined : await createContext(initial));
    }
    const growth = new PoolGrowth(plans, createContext);
    const predictor = new StepTimePredictor();
    const first = contexts.find((context) => context !== undefined);
    if (first !== undefined) await calibrate({ context: first, predictor, clock: options.clock });
    return new RunningEngine({
      model,
      options,
      plans,
      contexts,
      growth,
      predictor,
      contextTokensMax,
    });
  }

  private constructor(parts: {
    readonly model: Model;
    readonly options: ResolvedEngineOptions;
    readonly plans: readonly PoolPlan[];
    readonly contexts: readonly (Context | undefined)[];
    readonly growth: PoolGrowth;
    readonly predictor: StepTimePredictor;
    readonly contextTokensMax: number;
  }) {
    const { model, options } = parts;
    this.#options = options;
    this.#model = model;
    this.model = describeModel(model, options, parts.contextTokensMax);
    const ledger = createLedger(model, options, parts.plans);
    this.#scheduler = createScheduler(options, ledger, parts.predictor);
    this.#metrics = createEngineMetrics({
      modelId: this.model.id,
      scheduler: this.#scheduler,
      ledger,
      cacheTokensMax: cacheTokensMax(model, options, parts.plans),
    });
    this.#pools = new ContextPools(parts.contexts);
    this.#embedder = new Embedder({
      model,
      threads: options.threads,
      onWork: () => this.#loop.wake(),
    });
    this.#loop = new EngineLoop({
      scheduler: this.#scheduler,
      ledger,
      pools: this.#pools,
      growth: parts.growth,
      embedder: this.#embedder,
      metrics: this.#metrics,
      clock: options.clock,
      onIdle: () => this.#noteIdle(),
    });
    this.ended = this.#loop.run().catch((error: unknown) => {
      this.#hasFailed = true;
      throw error;
    });
    // Whoever awaits `ended` sees the fault; nobody has to.
    this.ended.catch(() => undefined);
  }

  get metrics(): Registry {
    return this.#metrics.registry;
  }

  get isReady(): boolean {
    return !this.#isDraining && !this.#hasFailed;
  }

  submit(request: GenerationRequest): Submission {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#metrics.rejected.inc();
      return refusal;
    }
    try {
      const live = this.#open(request);
      this.#metrics.promptTokens.inc(request.prompt.length);
      this.#loop.enter(live);
      return { kind: 'accepted', generation: live.generation };
    } catch (error) {
      if (!(error instanceof LlamaError) || error.code !== 'LLAMA_GRAMMAR_INVALID') throw error;
      this.#metrics.rejected.inc();
      return { kind: 'rejected', reason: 'grammar-invalid', message: error.message };
    }
  }

  async embed(
    inputs: readonly Int32Array[],
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    if (!this.isReady) {
      throw new EngineError('embed: the engine is shutting down', { code: 'ENGINE_FAILED' });
    }
    return this.#embedder.embed(inputs, signal);
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#loop.liveCount === 0) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    this.#loop.stop();
    await this.ended.catch(() => undefined);
    this.#embedder[Symbol.dispose]();
    this.#pools[Symbol.dispose]();
    this.#model[Symbol.dispose]();
  }

  #refusal(request: GenerationRequest): RejectedSubmission | undefined {
    if (!this.isReady) return { kind: 'rejected', reason: 'draining' };
    const promptLimit = this.model.contextTokensMax - 1;
    if (request.prompt.length > promptLimit) {
      const promptTokens = request.prompt.length;
      return { kind: 'rejected', reason: 'prompt-too-long', promptTokens, limit: promptLimit };
    }
    const grammar = request.sampling.grammar?.gbnf;
    const problem = grammar === undefined ? undefined : gbnfProblem(grammar);
    if (problem !== undefined) {
      return {
        kind: 'rejected',
        reason: 'grammar-invalid',
        message: `read the grammar: ${problem}`,
      };
    }
    const limit = this.#options.queueLengthMax;
    const { waitingCount } = this.#scheduler.view;
    if (waitingCount + request.choiceCount <= limit) return undefined;
    return { kind: 'rejected', reason: 'queue-full', retryAfterMs: this.#retryAfterMs(), limit };
  }

  /** Half of the queue should have been served by then, at the pace of the requests served so far. */
  #retryAfterMs(): number {
    const { request } = this.#metrics;
    const { runningCount, waitingCount } = this.#scheduler.view;
    const meanMs = request.count === 0 ? retryMsMin : (request.sum / request.count) * 1000;
    const rounds = waitingCount / Math.max(1, runningCount) / 2;
    return Math.round(Math.min(retryMsMax, Math.max(retryMsMin, meanMs * Math.min(1, rounds))));
  }

  #open(request: GenerationRequest): LiveRequest {
    const arrivedAtMs = this.#options.clock.nowMs();
    const stream = new GenerationStream({
      isHeld: this.#scheduler.holdsOutput,
      onCancel: () => this.#loop.cancel(live),
    });
    const answers: Answer[] = [];
    try {
      for (let choiceIndex = 0; choiceIndex < request.choiceCount; choiceIndex++) {
        answers.push(this.#answer({ request, choiceIndex, stream, arrivedAtMs }));
      }
    } catch (error) {
      for (const answer of answers) answer[Symbol.dispose]();
      throw error;
    }
    const live: LiveRequest = new LiveRequest({
      request,
      answers,
      stream,
      metrics: this.#metrics,
      arrivedAtMs,
    });
    return live;
  }

  #answer(step: {
    readonly request: GenerationRequest;
    readonly choiceIndex: number;
    readonly stream: GenerationStream;
    readonly arrivedAtMs: number;
  }): Answer {
    const { request, choiceIndex, stream, arrivedAtMs } = step;
    const sampler = this.#model.createSampler(this.#samplerOptions(request, choiceIndex));
    const sequence = new Sequence({
      id: this.#sequenceCount++,
      prompt: request.prompt,
      tokensMax: Math.min(this.model.contextTokensMax, request.prompt.length + request.maxTokens),
      priority: request.priority,
      tenant: request.tenant,
      arrivedAtMs,
      deadlineAtMs:
        request.deadlineMs === undefined
          ? Number.POSITIVE_INFINITY
          : arrivedAtMs + request.deadlineMs,
    });
    return new Answer({
      sequence,
      choiceIndex,
      maxTokens: request.maxTokens,
      stop: request.stop,
      sampler,
      vocabulary: this.#model.vocabulary,
      logprobs: request.logprobs,
      emit: (event) => stream.push(event),
    });
  }

  /** Each choice draws with a seed of its own; a request that ignores the end of text never draws it. */
  #samplerOptions(request: GenerationRequest, choiceIndex: number): SamplerOptions {
    const { sampling } = request;
    const logitBias = new Map(sampling.logitBias ?? []);
    if (request.ignoreEos) {
      for (const token of this.#model.vocabulary.endOfGenerationTokens) {
        logitBias.set(token, Number.NEGATIVE_INFINITY);
      }
    }
    return {
      ...sampling,
      logitBias,
      ...(sampling.seed === undefined ? {} : { seed: sampling.seed + choiceIndex }),
    };
  }

  #noteIdle(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

function contextCreator(
  model: Model,
  options: ResolvedEngineOptions,
): (shape: PoolShape) => Promise<Context> {
  return (shape) =>
    model.createContext({
      layout: shape.layout,
      sequencesMax: shape.slotCount,
      cellsPerSequence: shape.slotTokensMax,
      cellsTotal: shape.cellCount,
      batchTokensMax: options.batchTokensMax,
      microBatchTokensMax: options.microBatchTokensMax,
      outputsMax: shape.slotCount,
      threads: options.threads,
    });
}

function describeModel(
  model: Model,
  options: ResolvedEngineOptions,
  contextTokensMax: number,
): EngineModel {
  return {
    id: options.modelId,
    path: model.path,
    description: model.description,
    fileType: model.fileType,
    contextTokensMax,
    embeddingSize: model.embeddingSize,
    chatTemplate: model.chatTemplate(),
    vocabulary: model.vocabulary,
    createdUnixS: Math.floor(statSync(model.path).mtimeMs / 1000),
  };
}

/** A copied prefix must save more than the copy costs; a kept one must be worth its place. */
const reuseTokensMin = 16;
const keepTokensMin = 32;

function cacheTokensMax(
  model: Model,
  options: ResolvedEngineOptions,
  plans: readonly PoolPlan[],
): number {
  if (!isReusing(model, options)) return 0;
  return cellsAtMost(plans) + Math.floor(options.hostCacheBytesMax / model.kvBytesPerToken);
}

function isReusing(model: Model, { reusesPrefixes }: ResolvedEngineOptions): boolean {
  return reusesPrefixes && !model.isRecurrent;
}

function createLedger(
  model: Model,
  options: ResolvedEngineOptions,
  plans: readonly PoolPlan[],
): KvLedger {
  return new KvLedger({
    pools: plans.map((plan) => plan.initial),
    reusesPrefixes: isReusing(model, options),
    isolatesTenants: options.isolatesTenants,
    reuseTokensMin,
    keepTokensMin,
    hostBytesMax: options.hostCacheBytesMax,
    kvBytesPerToken: model.kvBytesPerToken,
  });
}
