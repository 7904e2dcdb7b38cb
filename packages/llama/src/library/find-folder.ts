import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UnsupportedError } from '@millrace/stdx';
import { LlamaError } from '../errors.ts';
import type { Accelerator } from '../options.ts';

/** Platform packages of node-llama-cpp by platform, architecture and accelerator; `cpu` is the plain one. */
const packageNames: Readonly<Record<string, Readonly<Partial<Record<Accelerator, string>>>>> = {
  'linux-x64': { cpu: 'linux-x64', cuda: 'linux-x64-cuda', vulkan: 'linux-x64-vulkan' },
  'linux-arm64': { cpu: 'linux-arm64' },
  'darwin-arm64': { cpu: 'mac-arm64-metal', metal: 'mac-arm64-metal' },
  'darwin-x64': { cpu: 'mac-x64' },
  'win32-x64': { cpu: 'win-x64', cuda: 'win-x64-cuda', vulkan: 'win-x64-vulkan' },
  'win32-arm64': { cpu: 'win-arm64' },
};

/** Tried in this order where the accelerator is left to us; the first that is installed is taken. */
const preference: readonly Accelerator[] = ['cuda', 'metal', 'vulkan', 'cpu'];

/** The folder of the prebuilt libraries for this machine. Throws when no package has them or none is installed. */
export function findLibraryFolder(accelerator: Accelerator): string {
  const platform = `${process.platform}-${process.arch}`;
  const packages = packageNames[platform];
  if (packages === undefined) {
    throw new UnsupportedError(`load libllama: there is no prebuilt library for ${platform}`, {
      code: 'LLAMA_PLATFORM_UNSUPPORTED',
      needs: `one of ${Object.keys(packageNames).join(', ')}`,
    });
  }
  const wanted = accelerator === 'auto' ? preference : [accelerator];
  const tried: string[] = [];
  for (const kind of wanted) {
    const name = packages[kind];
    if (name === undefined) continue;
    tried.push(`@node-llama-cpp/${name}`);
    const folder = installedFolder(name);
    if (folder !== undefined) return folder;
  }
  if (tried.length === 0) {
    throw new UnsupportedError(`load libllama: ${platform} has no "${accelerator}" build`, {
      code: 'LLAMA_PLATFORM_UNSUPPORTED',
      needs: `one of ${Object.keys(packages).join(', ')}`,
    });
  }
  throw new LlamaError(
    `load libllama: none of ${tried.join(', ')} is installed; run "npm install" (optional dependencies on)`,
    { code: 'LLAMA_LIBRARY_MISSING' },
  );
}

function installedFolder(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const root of require.resolve.paths('@node-llama-cpp') ?? []) {
    const folder = join(root, '@node-llama-cpp', name, 'bins', name);
    if (existsSync(folder)) return folder;
  }
  return undefined;
}
