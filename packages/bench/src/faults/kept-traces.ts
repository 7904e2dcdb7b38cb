import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { BenchError } from '../errors.ts';
import type { CaseTrace } from './run-case.ts';

/** A folder of raw traces, one file a case, from which everything that follows can be made again. */
export class KeptTraces {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  keep(trace: CaseTrace): void {
    mkdirSync(this.#folder, { recursive: true });
    const path = this.#path(trace);
    // A measurement may be cut short at any moment, and goes on from whole files.
    writeFileSync(`${path}.part`, gzipSync(JSON.stringify(trace)));
    renameSync(`${path}.part`, path);
  }

  drop(fault: string, seed: number): void {
    rmSync(this.#path({ fault, seed }), { force: true });
  }

  has(fault: string, seed: number): boolean {
    return existsSync(this.#path({ fault, seed }));
  }

  /** All traces, by fault and seed. Throws `BENCH_TRACE_INVALID` for a file that is none. */
  *read(): Generator<CaseTrace> {
    const names = existsSync(this.#folder) ? readdirSync(this.#folder) : [];
    for (const name of names.toSorted()) {
      if (!name.endsWith('.json.gz')) continue;
      const path = join(this.#folder, name);
      try {
        yield JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as CaseTrace;
      } catch (cause) {
        throw new BenchError(`read the trace ${path}: it is cut off or no trace`, {
          code: 'BENCH_TRACE_INVALID',
          cause,
        });
      }
    }
  }

  #path({ fault, seed }: { readonly fault: string; readonly seed: number }): string {
    return join(this.#folder, `${fault}.${seed}.json.gz`);
  }
}
