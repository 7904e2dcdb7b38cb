import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Built, buildLlamaServer } from './built-llama-server.ts';
import { startChild } from './child-server.ts';
import { peerFolder } from './peer-folder.ts';
import type { Side } from './side.ts';

/** llama.cpp's own server in a wheel. Its prefill kernels are 1.4 to 1.5 times slower than those of our library. */
const requirement = 'xllamacpp==2026.10.11549';

const wheelProgram = `
import sys, threading
import xllamacpp
model, port, slots, cells, unified, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == '1', int(sys.argv[6])
p = xllamacpp.CommonParams()
p.model.path = model
p.n_ctx = cells
p.n_parallel = slots
p.kv_unified = unified
p.port = port
p.hostnames = ['127.0.0.1']
p.endpoint_metrics = True
p.cpuparams.n_threads = threads
p.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(p)
threading.Event().wait()
`;

/** How llama-server is set up. */
export interface LlamaServerShape {
  readonly slots: number;
  readonly cellsPerSlot: number;
  readonly isUnified: boolean;
  readonly threads: number;
}

/** Where a llama-server comes from. */
export interface LlamaServerOrigin {
  readonly kind: 'built' | 'wheel';
  /** What a reader of the figures has to know of it. */
  readonly note: string;
  readonly command: (model: string, shape: LlamaServerShape, port: number) => readonly string[];
}

/** The one built against our own libraries where there is a compiler; else the wheel, with its handicap. */
export function llamaServerOrigin(
  onProgress: (text: string) => void,
): LlamaServerOrigin | { readonly unavailable: string } {
  const built = buildLlamaServer(onProgress);
  if ('program' in built) return builtOrigin(built);
  const python = installWheel();
  if (python === undefined) {
    return {
      unavailable: `it could not be built (${built.unavailable}), and ${requirement} could not be installed with pip`,
    };
  }
  return {
    kind: 'wheel',
    note:
      `llama-server is the wheel ${requirement}, since it could not be built (${built.unavailable}): its prefill is ` +
      '1.4 to 1.5 times slower than that of our library, its decode at one sequence level.',
    command: (model, { slots, cellsPerSlot, isUnified, threads }, port) => [
      ...[python, '-c', wheelProgram, model, String(port)],
      ...[slots, slots * cellsPerSlot, isUnified ? 1 : 0, threads].map(String),
    ],
  };
}

export function llamaServerSide(
  name: string,
  step: {
    readonly model: string;
    readonly shape: LlamaServerShape;
    readonly origin: ReturnType<typeof llamaServerOrigin>;
  },
): Side {
  const { model, shape, origin } = step;
  return {
    name,
    start: async () => {
      if ('unavailable' in origin) return origin;
      return startChild({
        command: (port) => origin.command(model, shape, port),
        modelId: 'bench',
        env: { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
      });
    },
  };
}

function builtOrigin({ program }: Extract<Built, { readonly program: string }>): LlamaServerOrigin {
  return {
    kind: 'built',
    note: 'llama-server is built from the source of our libllama and linked to the same libraries: its kernels are ours.',
    command: (model, { slots, cellsPerSlot, isUnified, threads }, port) => [
      ...[program, '--model', model, '--alias', 'bench', '--host', '127.0.0.1'],
      ...['--port', String(port), '--metrics', '--parallel', String(slots)],
      ...[
        '--ctx-size',
        String(slots * cellsPerSlot),
        isUnified ? '--kv-unified' : '--no-kv-unified',
      ],
      ...['--threads', String(threads), '--threads-batch', String(threads)],
    ],
  };
}

/** Installs the wheel into an environment of its own in the user's cache; the Python that has it. */
function installWheel(): string | undefined {
  const folder = peerFolder('llama-server');
  const python = join(folder, 'bin', 'python');
  const has = (): boolean =>
    existsSync(python) && spawnSync(python, ['-c', 'import xllamacpp']).status === 0;
  if (has()) return python;
  spawnSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
  spawnSync(python, ['-m', 'pip', 'install', '--quiet', requirement], { stdio: 'ignore' });
  return has() ? python : undefined;
}
