import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findLibraryFolder } from './find-folder.ts';

/** The shared libraries that are opened by name; each finds what it needs beside itself. */
export type LibraryName = 'ggml-base' | 'ggml' | 'llama';

/**
 * The path of a library in a folder of prebuilt ones, whose files tell the accelerator and the version where they are not
 * the plain ones: `libllama.v0.5.0.so`, `libllama.vulkan.v0.5.0.so`. Throws where there is none.
 */
export function libraryFile(folder: string, name: LibraryName): string {
  const pattern = new RegExp(String.raw`^(?:lib)?${name}(?:\.\w[\w.]*)?\.(?:so|dylib|dll)$`);
  const file = readdirSync(folder).find((candidate) => pattern.test(candidate));
  if (file === undefined) throw new Error(`no file matches ${pattern}`);
  return join(folder, file);
}

/** libllama of the package that an engine of this program loads. Throws where none is installed. */
export function findLlamaFile(): string {
  return libraryFile(findLibraryFolder('auto'), 'llama');
}
