import { join } from 'node:path';
import { compilePrograms } from '../rig/compile-rig.ts';

/** The programs that faults are made with, ready to run. */
export interface FaultPrograms {
  readonly wire: string;
  readonly 'stream-server': string;
  readonly 'stream-client': string;
  readonly hog: string;
}

/** Compiles them into the user's cache, once for each state of their sources, or says why not. */
export function compileFaults(): FaultPrograms | { readonly unavailable: string } {
  return compilePrograms({
    folder: 'faults',
    names: ['wire', 'stream-server', 'stream-client', 'hog'],
    headers: [join('..', 'rig.h')],
  });
}
