import { existsSync, readFileSync, statfsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { loadLlama } from '@millrace/llama';
import { messageOf } from '@millrace/stdx';
import { defaultModel } from '../models/default-model.ts';
import { modelsFolder } from '../models/store.ts';
import { examineKernelView } from './examine-kernel.ts';
import { examineServing } from './examine-serving.ts';
import type { Finding } from './finding.ts';
import { tuningAt } from '../models/tuned-path.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const gibibyte = 2 ** 30;
/** The default model, its re-encoding and room to work. */
const cacheBytesNeeded = gibibyte / 2;
const memoryBytesNeeded = gibibyte;
const defaultPort = 8080;

/** Looks at everything that Millrace needs or could use. */
export async function examine(env: Environment): Promise<readonly Finding[]> {
  return [
    { subject: 'Node', state: 'good', detail: process.version },
    examineLibrary(),
    examineProcessors(),
    examineMemory(),
    examineLargePages(),
    examineDisk(env),
    examineModel(env),
    examinePip(),
    await examinePort(),
    ...(await examineServing()),
    ...examineKernelView(),
  ];
}

function examineLibrary(): Finding {
  const subject = 'libllama';
  try {
    const library = loadLlama();
    const devices = library.devices
      .map((device) => `${device.name} (${device.description})`)
      .join(', ');
    return { subject, state: 'good', detail: `${library.version} on ${devices}` };
  } catch (error) {
    return {
      subject,
      state: 'bad',
      detail: messageOf(error),
      mend: 'npm install, with optional dependencies on',
    };
  }
}

function examineProcessors(): Finding {
  const cores = availableParallelism();
  const quota = readText('/sys/fs/cgroup/cpu.max')?.split(' ') ?? [];
  const limit = Number(quota[0]) / Number(quota[1]);
  const limited = Number.isFinite(limit) && limit < cores;
  return {
    subject: 'processors',
    state: limited ? 'lacking' : 'good',
    detail: limited
      ? `${cores} cores, but a cgroup allows the time of ${limit.toFixed(1)}`
      : `${cores} cores`,
    ...(limited ? { mend: `start with --threads ${Math.max(1, Math.floor(limit))}` } : {}),
  };
}

function examineMemory(): Finding {
  const bytes = process.availableMemory();
  const detail = `${(bytes / gibibyte).toFixed(1)} GiB available to this process; half of it may hold keys and values`;
  if (bytes >= memoryBytesNeeded) return { subject: 'memory', state: 'good', detail };
  return {
    subject: 'memory',
    state: 'bad',
    detail,
    mend: 'free memory, or lower --sequences-max and --context-tokens-max',
  };
}

function examineLargePages(): Finding {
  const subject = 'large pages';
  const text = readText('/sys/kernel/mm/transparent_hugepage/enabled');
  const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
  if (mode === 'madvise' || mode === 'always')
    return { subject, state: 'good', detail: `transparent huge pages: ${mode}` };
  return {
    subject,
    state: 'lacking',
    detail:
      mode === undefined
        ? 'this system has none'
        : 'transparent huge pages are off; contexts take longer to create',
    ...(mode === undefined
      ? {}
      : { mend: 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (as root)' }),
  };
}

function examineDisk(env: Environment): Finding {
  const folder = modelsFolder(env);
  const subject = 'cache folder';
  try {
    mkdirSync(folder, { recursive: true });
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const detail = `${folder}, ${(free / gibibyte).toFixed(1)} GiB free`;
    if (free >= cacheBytesNeeded) return { subject, state: 'good', detail };
    return {
      subject,
      state: 'bad',
      detail,
      mend: 'free room there, or set MILLRACE_CACHE to another folder',
    };
  } catch (error) {
    return {
      subject,
      state: 'bad',
      detail: messageOf(error),
      mend: 'set MILLRACE_CACHE to a folder that can be written',
    };
  }
}

function examineModel(env: Environment): Finding {
  const subject = 'default model';
  const folder = modelsFolder(env);
  const path = join(folder, defaultModel.fileName);
  if (!existsSync(path)) {
    return {
      subject,
      state: 'lacking',
      detail: `${defaultModel.id} is not here yet`,
      mend: 'millrace models pull',
    };
  }
  const isTuned = tuningAt(path, env) !== undefined;
  return {
    subject,
    state: 'good',
    detail: `${defaultModel.id}, ${isTuned ? 'tuned for this machine' : 'not tuned yet'}`,
    ...(isTuned ? {} : { mend: 'millrace models tune' }),
  };
}

function examinePip(): Finding {
  const { status, stdout } = spawnSync('python3', ['-m', 'pip', '--version'], { encoding: 'utf8' });
  if (status === 0)
    return { subject: 'pip', state: 'good', detail: stdout.split(' from ')[0] ?? '' };
  return {
    subject: 'pip',
    state: 'lacking',
    detail: 'python3 -m pip does not run; the default model is then fetched from Hugging Face',
    mend: 'install python3 and pip',
  };
}

async function examinePort(): Promise<Finding> {
  const subject = `port ${defaultPort}`;
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(defaultPort, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  if (isFree) return { subject, state: 'good', detail: 'free' };
  return { subject, state: 'lacking', detail: 'in use', mend: 'millrace up --port N' };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
