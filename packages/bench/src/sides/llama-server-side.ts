import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child-server.ts';
import type { Side } from './side.ts';

/** llama.cpp's own server in a wheel. Its prefill kernels are 1.4 to 1.5 times slower than those of our library. */
const requirement = 'xllamacpp==2026.10.11549';

const program = `
import sys, time, threading
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

export function llamaServerSide(name: string, model: string, shape: LlamaServerShape): Side {
  return {
    name,
    start: async () => {
      const python = install();
      if (python === undefined)
        return { unavailable: `${requirement} could not be installed with pip` };
      const { slots, cellsPerSlot, isUnified, threads } = shape;
      const numbers = [slots, slots * cellsPerSlot, isUnified ? 1 : 0, threads].map(String);
      return startChild({
        command: (port) => [python, '-c', program, model, String(port), ...numbers],
        modelId: 'bench',
      });
    },
  };
}

/** Installs the wheel into an environment of its own in the user's cache; the Python that has it. */
function install(): string | undefined {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'millrace', 'peers', 'llama-server');
  const python = join(folder, 'bin', 'python');
  const has = (): boolean =>
    existsSync(python) && spawnSync(python, ['-c', 'import xllamacpp']).status === 0;
  if (has()) return python;
  spawnSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
  spawnSync(python, ['-m', 'pip', 'install', '--quiet', requirement], { stdio: 'ignore' });
  return has() ? python : undefined;
}
