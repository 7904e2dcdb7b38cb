import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type LlamaErrorCode =
  | 'LLAMA_ABI_MISMATCH'
  | 'LLAMA_CONTEXT_FAILED'
  | 'LLAMA_DECODE_FAILED'
  | 'LLAMA_GRAMMAR_INVALID'
  | 'LLAMA_LIBRARY_MISSING'
  | 'LLAMA_LORA_FAILED'
  | 'LLAMA_MODEL_UNREADABLE'
  | 'LLAMA_QUANTIZE_FAILED'
  | 'LLAMA_TEMPLATE_FAILED'
  | 'LLAMA_VERSION_MISMATCH';

/** A fault of libllama, of its files, or of what it was given. */
export class LlamaError extends FaultError {
  override readonly name = 'LlamaError';
  declare readonly code: LlamaErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: LlamaErrorCode }) {
    super(message, options);
  }
}
