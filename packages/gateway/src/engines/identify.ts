import type { EngineKind } from './engine-kind.ts';
import { quantizationInName } from './quantization.ts';

/** A model that an endpoint serves. */
export interface EndpointModel {
  readonly id: string;
  /** Tokens of prompt and answer together; undefined when the endpoint does not say. */
  readonly contextTokensMax: number | undefined;
  /** Undefined when neither the endpoint nor the model's name says. */
  readonly quantization?: string | undefined;
}

/** What an endpoint turned out to be. */
export interface EndpointIdentity {
  readonly kind: EngineKind;
  readonly models: readonly EndpointModel[];
}

/** Answers to the paths that tell engines apart; undefined where the path was not answered with JSON. */
export interface IdentifyingAnswers {
  /** `/v1/models` */
  readonly models: unknown;
  /** `/props`, of llama.cpp's server. */
  readonly props: unknown;
  /** `/api/version`, of Ollama. */
  readonly ollamaVersion: unknown;
  /** `/get_server_info`, of SGLang. */
  readonly sglangInfo: unknown;
  /** `/version`, of vLLM and TensorRT-LLM. */
  readonly version: unknown;
  /** `/api/tags`, of Ollama: how each of its models is quantised. */
  readonly ollamaTags?: unknown;
  /** `/api/ps`, of Ollama: the context of those that are loaded. */
  readonly ollamaLoaded?: unknown;
}

const kindOfOwner: Readonly<Record<string, EngineKind>> = {
  millrace: 'millrace',
  vllm: 'vllm',
  sglang: 'sglang',
  llamacpp: 'llama.cpp',
  tensorrt_llm: 'tensorrt-llm',
  library: 'ollama',
};

/** What speaks at an endpoint, by what it answered; undefined when it lists no models as OpenAI's API does. */
export function identify(answers: IdentifyingAnswers): EndpointIdentity | undefined {
  const list = field(answers.models, 'data');
  if (!Array.isArray(list)) return undefined;
  const kind = kindOf(answers, list);
  const propsContext = positive(
    field(field(answers.props, 'default_generation_settings'), 'n_ctx') ??
      field(answers.props, 'n_ctx'),
  );
  const models = list.flatMap((entry: unknown): readonly EndpointModel[] => {
    const id = field(entry, 'id');
    if (typeof id !== 'string' || id === '') return [];
    const own = positive(field(entry, 'max_model_len'));
    const slot = positive(field(field(entry, 'meta'), 'n_ctx'));
    const trained = positive(field(field(entry, 'meta'), 'n_ctx_train'));
    const loaded = positive(field(ollamaModel(answers.ollamaLoaded, id), 'context_length'));
    const quantization = quantizationOf(entry, answers) ?? quantizationInName(id);
    return [
      {
        id,
        contextTokensMax: own ?? propsContext ?? slot ?? loaded ?? trained,
        ...(quantization !== undefined && { quantization }),
      },
    ];
  });
  return { kind, models };
}

/** llama.cpp says it of each model, SGLang of the server, Ollama in its details; vLLM only in the name of what it loaded. */
function quantizationOf(entry: unknown, answers: IdentifyingAnswers): string | undefined {
  const said = [
    field(field(entry, 'meta'), 'ftype'),
    field(answers.props, 'model_ftype'),
    field(answers.sglangInfo, 'quantization'),
    field(field(entry, 'details'), 'quantization_level'),
    field(
      field(ollamaModel(answers.ollamaTags, field(entry, 'id')), 'details'),
      'quantization_level',
    ),
  ].find((value) => typeof value === 'string' && value !== '');
  if (typeof said === 'string') return said;
  const root = field(entry, 'root');
  return typeof root === 'string' ? quantizationInName(root) : undefined;
}

/** The entry of a model in one of Ollama's own lists. */
function ollamaModel(list: unknown, id: unknown): unknown {
  const models = field(list, 'models');
  return Array.isArray(models)
    ? (models as readonly unknown[]).find((model) => field(model, 'name') === id)
    : undefined;
}

function kindOf(answers: IdentifyingAnswers, list: readonly unknown[]): EngineKind {
  const owner = field(list[0], 'owned_by');
  const named = typeof owner === 'string' ? kindOfOwner[owner.toLowerCase()] : undefined;
  if (named !== undefined) return named;
  if (field(answers.props, 'total_slots') !== undefined) return 'llama.cpp';
  if (field(answers.ollamaVersion, 'version') !== undefined) return 'ollama';
  if (isObject(answers.sglangInfo)) return 'sglang';
  if (field(answers.version, 'version') !== undefined) return 'tensorrt-llm';
  return 'openai';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function field(value: unknown, name: string): unknown {
  return isObject(value) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
