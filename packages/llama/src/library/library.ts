import koffi from 'koffi';
import { checkAbi } from '../abi/check-abi.ts';
import {
  bindFunctions,
  type LlamaFunctions,
  type Pointer,
  type StructValue,
} from '../abi/functions.ts';
import { LlamaError } from '../errors.ts';
import { Model } from '../model/model.ts';
import {
  type Accelerator,
  type ModelOptions,
  type QuantizationType,
  quantizationTypes,
} from '../options.ts';
import { findLibraryFolder } from './find-folder.ts';
import { libraryFile, type LibraryName } from './library-file.ts';

export interface LlamaOptions {
  /** Folder of the shared libraries; by default that of the installed platform package. */
  readonly folder?: string;
  readonly accelerator?: Accelerator;
  /** True: libllama's own log goes to standard error. */
  readonly logsToStderr?: boolean;
}

/** A device that computes. */
export interface DeviceDescription {
  readonly name: string;
  readonly description: string;
}

/** libllama, loaded and checked. */
export interface LlamaLibrary {
  readonly version: string;
  readonly folder: string;
  readonly devices: readonly DeviceDescription[];
  /** Instruction sets that the chosen back ends use, in libllama's words. */
  readonly systemDescription: string;
  /** Loads a model off the event loop. Throws `LLAMA_MODEL_UNREADABLE`. The caller disposes it. */
  loadModel(path: string, options?: ModelOptions): Promise<Model>;
  /** Writes a re-encoded copy of a model, off the event loop. Throws `LLAMA_QUANTIZE_FAILED`. */
  quantize(job: QuantizeJob): Promise<void>;
}

export interface QuantizeJob {
  readonly from: string;
  readonly to: string;
  readonly type: QuantizationType;
  readonly threads?: number;
}

/** Loads libllama, checks that it is the pinned version, and starts its back ends. */
export function loadLlama(options: LlamaOptions = {}): LlamaLibrary {
  const folder = options.folder ?? findLibraryFolder(options.accelerator ?? 'auto');
  const functions = openFunctions(folder);
  const version = checkAbi(functions);
  if (options.logsToStderr !== true) {
    functions.call('ggml_log_set', functions.doNothing, null);
    functions.call('llama_log_set', functions.doNothing, null);
  }
  functions.call('ggml_backend_load_all_from_path', folder);
  functions.call('llama_backend_init');
  return {
    version,
    folder,
    devices: listDevices(functions),
    systemDescription: functions.call<string>('llama_print_system_info'),
    loadModel: (path, modelOptions = {}) => loadModel(functions, path, modelOptions),
    quantize: (job) => quantize(functions, job),
  };
}

function openFunctions(folder: string): LlamaFunctions {
  try {
    const open = (name: LibraryName): ReturnType<typeof koffi.load> =>
      koffi.load(libraryFile(folder, name), { global: true });
    const ggmlBase = open('ggml-base');
    const ggml = open('ggml');
    const llama = open('llama');
    return bindFunctions({ ggmlBase, ggml, llama });
  } catch (cause) {
    throw new LlamaError(`load libllama from ${folder}: ${String(cause)}`, {
      code: 'LLAMA_LIBRARY_MISSING',
      cause,
    });
  }
}

function listDevices(functions: LlamaFunctions): readonly DeviceDescription[] {
  const count = functions.call<number>('ggml_backend_dev_count');
  return Array.from({ length: count }, (_, index) => {
    const device = functions.call<Pointer>('ggml_backend_dev_get', index);
    return {
      name: functions.call<string>('ggml_backend_dev_name', device),
      description: functions.call<string>('ggml_backend_dev_description', device),
    };
  });
}

async function loadModel(
  functions: LlamaFunctions,
  path: string,
  options: ModelOptions,
): Promise<Model> {
  const params = functions.call<StructValue>('llama_model_default_params');
  if (options.gpuLayers !== undefined) params['n_gpu_layers'] = options.gpuLayers;
  params['vocab_only'] = options.vocabularyOnly ?? false;
  params['use_extra_bufts'] = options.repacksWeights ?? true;
  const address = await functions.callAsync<Pointer | null>(
    'llama_model_load_from_file',
    path,
    params,
  );
  if (address === null || address === 0n) {
    throw new LlamaError(
      `load model ${path}: libllama refused it; it is missing, cut off, not a GGUF file, or of an unknown architecture`,
      { code: 'LLAMA_MODEL_UNREADABLE' },
    );
  }
  return new Model({
    functions,
    address,
    path,
    isVocabularyOnly: options.vocabularyOnly ?? false,
  });
}

async function quantize(functions: LlamaFunctions, job: QuantizeJob): Promise<void> {
  const params = functions.call<StructValue>('llama_model_quantize_default_params');
  params['ftype'] = quantizationTypes[job.type];
  params['allow_requantize'] = true;
  params['nthread'] = job.threads ?? 0;
  const status = await functions.callAsync<number>(
    'llama_model_quantize',
    job.from,
    job.to,
    params,
  );
  if (status !== 0) {
    throw new LlamaError(`re-encode ${job.from} as ${job.type} to ${job.to}: status ${status}`, {
      code: 'LLAMA_QUANTIZE_FAILED',
    });
  }
}
