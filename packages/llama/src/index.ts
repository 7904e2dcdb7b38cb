export { Batch } from './batch/batch.ts';
export { type ChatInput, type ChatMessage, ChatTemplate } from './chat-template/chat-template.ts';
export { type AppliedLora, Context, type DecodeOutcome } from './context/context.ts';
export { pinnedVersion as llamaVersion } from './abi/check-abi.ts';
export { LlamaError, type LlamaErrorCode } from './errors.ts';
export { findLibraryFolder } from './library/find-folder.ts';
export { findLlamaFile } from './library/library-file.ts';
export {
  type DeviceDescription,
  type LlamaLibrary,
  type LlamaOptions,
  loadLlama,
  type QuantizeJob,
} from './library/library.ts';
export { Lora } from './model/lora.ts';
export { Model } from './model/model.ts';
export type {
  Accelerator,
  ContextLayout,
  ContextOptions,
  KvType,
  ModelOptions,
  Pooling,
  QuantizationType,
  SamplerOptions,
} from './options.ts';
export { Sampler } from './sampler/sampler.ts';
export { type TokenizeOptions, Vocabulary } from './vocabulary/vocabulary.ts';
