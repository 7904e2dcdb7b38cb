import {
  attachTrace,
  type BpfMap,
  type ConstantValue,
  handOver,
  type Link,
  loadObject,
  type LoadedObject,
  readSignedObject,
  releaseKeys,
} from '@millrace/bpf';
import { messageOf } from '@millrace/stdx';
import type { HandedParts } from './adopted-object.ts';
import type { RingProbe } from './ring-probe.ts';
import { costsOf, type ProbeParts, type ProgramCost, type ProgramState } from './probe-parts.ts';

/** What a probe's object is loaded with. */
export interface ProbeObjectOptions {
  readonly name: string;
  readonly only?: readonly string[];
  readonly constants?: Readonly<Record<string, ConstantValue>>;
  /** Called between loading and attaching, so that no event comes before the filter is set. */
  readonly prepare: (loaded: LoadedObject) => void;
  readonly attach?: (loaded: LoadedObject, program: string) => readonly Link[];
}

/** A probe that this process has loaded, and may hand over. */
export type LoadedProbe = RingProbe<ProbeObject>;

/** An object of ours in the kernel, with everything attached that can be. Disposing detaches and unloads it. */
export class ProbeObject implements ProbeParts {
  readonly loaded: LoadedObject;
  readonly programs: readonly ProgramState[];
  readonly #name: string;
  readonly #links: Link[] = [];

  constructor(options: ProbeObjectOptions) {
    const file = new URL(`../../bpf/${options.name}.bpf.o`, import.meta.url);
    // Who can change the sources of a clone can change this too, and before the first release there is no other key.
    const trustsDevelopmentKey = import.meta.url.endsWith('.ts') || releaseKeys().length === 0;
    const { name, only, constants } = options;
    this.#name = name;
    this.loaded = loadObject(readSignedObject(file, { trustsDevelopmentKey }), {
      ...(only === undefined ? {} : { only }),
      ...(constants === undefined ? {} : { constants }),
    });
    try {
      options.prepare(this.loaded);
      this.programs = this.#attachAll(options.attach ?? attachAsTrace);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  map(name: string): BpfMap {
    return this.loaded.map(name);
  }

  /** Attaches further links, which go with it. */
  keep(links: readonly Link[]): void {
    this.#links.push(...links);
  }

  /** Leaves maps, by name, and everything attached to what this process executes next. */
  handOver(maps: readonly string[]): HandedParts {
    const links = this.#links.map((link, index) => [`link-${index}`, link] as const);
    const attached = this.programs.filter(({ isAttached }) => isAttached);
    const parts = handOver({
      maps: maps.map((name) => this.loaded.map(name)),
      links: Object.fromEntries(links),
      programs: attached.map(({ name }) => this.loaded.program(name)),
    });
    return { programs: this.programs, parts };
  }

  costs(): readonly ProgramCost[] {
    return costsOf({ name: this.#name, programs: this.programs }, (name) =>
      this.loaded.program(name).state(),
    );
  }

  [Symbol.dispose](): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
    this.loaded[Symbol.dispose]();
  }

  #attachAll(attach: NonNullable<ProbeObjectOptions['attach']>): readonly ProgramState[] {
    const states: ProgramState[] = [];
    for (const { name, outcome, reason, needs } of this.loaded.report.programs) {
      if (outcome === 'skipped') continue;
      if (outcome === 'failed') {
        const lacking = needs === undefined ? reason : `${reason}; it needs ${needs}`;
        states.push({ name, isAttached: false, reason: lacking });
        continue;
      }
      try {
        this.#links.push(...attach(this.loaded, name));
        states.push({ name, isAttached: true, reason: '' });
      } catch (error) {
        states.push({ name, isAttached: false, reason: messageOf(error) });
      }
    }
    return states;
  }
}

function attachAsTrace(loaded: LoadedObject, program: string): readonly Link[] {
  return [attachTrace(loaded.program(program))];
}
