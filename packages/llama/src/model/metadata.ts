import type { LlamaFunctions, Pointer } from '../abi/functions.ts';

const decoder = new TextDecoder();

/** Calls a function that writes text into a buffer and returns its length, with a buffer that is long enough. */
export function readText(write: (buffer: Uint8Array) => number): string {
  let buffer = new Uint8Array(1024);
  let length = write(buffer);
  if (length >= buffer.length) {
    buffer = new Uint8Array(length + 1);
    length = write(buffer);
  }
  return length < 0 ? '' : decoder.decode(buffer.subarray(0, length));
}

/** All key-value pairs of the GGUF header that libllama can show as text. */
export function readMetadata(
  functions: LlamaFunctions,
  model: Pointer,
): ReadonlyMap<string, string> {
  const count = functions.call<number>('llama_model_meta_count', model);
  const metadata = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const key = readText((buffer) =>
      functions.call<number>('llama_model_meta_key_by_index', model, index, buffer, buffer.length),
    );
    const value = readText((buffer) =>
      functions.call<number>(
        'llama_model_meta_val_str_by_index',
        model,
        index,
        buffer,
        buffer.length,
      ),
    );
    metadata.set(key, value);
  }
  return metadata;
}
