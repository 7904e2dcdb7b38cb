import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';

const periodUs = 100_000;
/** The most that the kernel takes: a group competes as one with all other work, and the process was to come before that. */
const weights = { shares: 262_144, weight: 10_000 };

/** A cgroup of its own around one process, by whose limit it is held. Disposing lifts the limit and removes the group. */
export class CpuLimit implements Disposable {
  readonly #folder: string;
  readonly #version: 1 | 2;
  readonly #root: string;
  readonly #processId: number;

  constructor(processId: number, roots: CpuLimitRoots = {}) {
    const found = hierarchy(roots);
    if ('unavailable' in found) {
      throw new BenchError(`limit the processor: ${found.unavailable}`, {
        code: 'BENCH_SIDE_FAILED',
      });
    }
    this.#version = found.version;
    this.#root = found.root;
    this.#processId = processId;
    this.#folder = join(found.root, `millrace-bench-${process.pid}-${processId}`);
    mkdirSync(this.#folder);
    if (this.#version === 1) writeFileSync(join(this.#folder, 'cpu.shares'), `${weights.shares}`);
    else writeFileSync(join(this.#folder, 'cpu.weight'), `${weights.weight}`);
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(processId));
  }

  /** Microseconds of processor time in each tenth of a second. */
  set(quotaUs: number): void {
    this.#write(`${quotaUs}`);
  }

  lift(): void {
    this.#write(this.#version === 1 ? '-1' : 'max');
  }

  /** How long the group was held by its limit, in nanoseconds. */
  throttledNs(): number {
    const stat = readFileSync(join(this.#folder, 'cpu.stat'), 'utf8');
    const name = this.#version === 1 ? /^throttled_time (\d+)$/m : /^throttled_usec (\d+)$/m;
    return Number(name.exec(stat)?.[1] ?? 0) * (this.#version === 1 ? 1 : 1_000);
  }

  [Symbol.dispose](): void {
    this.lift();
    try {
      writeFileSync(join(this.#root, 'cgroup.procs'), String(this.#processId));
    } catch (error) {
      // The process may have ended, and then it is in no group.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
    rmdirSync(this.#folder);
  }

  #write(quota: string): void {
    if (this.#version === 1) {
      writeFileSync(join(this.#folder, 'cpu.cfs_period_us'), String(periodUs));
      writeFileSync(join(this.#folder, 'cpu.cfs_quota_us'), quota);
    } else writeFileSync(join(this.#folder, 'cpu.max'), `${quota} ${periodUs}`);
  }
}

/** Where the hierarchies of cgroups are mounted. */
export interface CpuLimitRoots {
  readonly first?: string;
  readonly second?: string;
}

/** The hierarchy whose groups can limit processors here. */
export function hierarchy({
  first = '/sys/fs/cgroup/cpu',
  second = '/sys/fs/cgroup',
}: CpuLimitRoots):
  | { readonly version: 1 | 2; readonly root: string }
  | { readonly unavailable: string } {
  if (existsSync(join(first, 'cpu.cfs_quota_us')) || existsSync(join(first, 'cpu.shares'))) {
    return { version: 1, root: first };
  }
  const control = join(second, 'cgroup.subtree_control');
  if (existsSync(control) && readFileSync(control, 'utf8').split(/\s+/).includes('cpu')) {
    return { version: 2, root: second };
  }
  return {
    unavailable: `neither ${first} (cgroup v1) nor ${second} with the cpu controller (cgroup v2) is there`,
  };
}
