import {
  attachTrace,
  type BpfMap,
  type ConstantValue,
  type HandedOver,
  handOver,
  type Link,
  loadObject,
  type LoadedObject,
  readSignedObject,
  releaseKeys,
} from '@millrace/bpf';
import { messageOf } from '@millrace/stdx';

/** How often a probe had something to tell, and what became of it: attempted = delivered + dropped + discarded. */
export interface LossCounts {
  readonly attempted: number;
  readonly delivered: number;
  /** There was no room in the ring. */
  readonly dropped: number;
  /** It was not worth telling. */
  readonly discarded: number;
}

/** What a program has cost while the kernel counted runs. */
export interface ProgramCost {
  /** With the probe's name before it. */
  readonly name: string;
  readonly runs: number;
  readonly runNs: number;
}

/** A program of a probe: attached, or why it is not. */
export interface ProgramState {
  readonly name: string;
  readonly isAttached: boolean;
  readonly reason: string;
}

/** What a probe's object is loaded with. */
export interface ProbeObjectOptions {
  readonly name: string;
  readonly only?: readonly string[];
  readonly constants?: Readonly<Record<string, ConstantValue>>;
  /** Called between loading and attaching, so that no event comes before the filter is set. */
  readonly prepare: (loaded: LoadedObject) => void;
  readonly attach?: (loaded: LoadedObject, program: string) => readonly Link[];
}

/** An object of ours in the kernel, with everything attached that can be. Disposing detaches and unloads it. */
export class ProbeObject implements Disposable {
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

  /** The probe's account, all processors together. */
  losses(): LossCounts {
    return sumLosses(this.loaded.map('losses'));
  }

  /** Leaves maps, by name, and everything attached, `further` links too, to what this process executes next. */
  handOver(maps: readonly string[], further: readonly Link[] = []): HandedOver {
    const links = [...this.#links, ...further].map(
      (link, index) => [`link-${index}`, link] as const,
    );
    return handOver({
      maps: maps.map((name) => this.loaded.map(name)),
      links: Object.fromEntries(links),
    });
  }

  /** Runs of the attached programs and their time; zero unless the kernel's statistics are on. */
  costs(): readonly ProgramCost[] {
    return this.programs
      .filter(({ isAttached }) => isAttached)
      .map(({ name }) => {
        const { runs, runNs } = this.loaded.program(name).state();
        return { name: `${this.#name}/${name}`, runs: Number(runs), runNs: Number(runNs) };
      });
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

/** The account that a probe keeps in its map `losses`. */
export function sumLosses(map: BpfMap): LossCounts {
  const sums = [0, 0, 0, 0];
  for (const value of map.lookupPerCpu(0) ?? []) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (const [at] of sums.entries()) {
      sums[at] = (sums[at] ?? 0) + Number(view.getBigUint64(at * 8, true));
    }
  }
  const [attempted = 0, delivered = 0, dropped = 0, discarded = 0] = sums;
  return { attempted, delivered, dropped, discarded };
}

function attachAsTrace(loaded: LoadedObject, program: string): readonly Link[] {
  return [attachTrace(loaded.program(program))];
}
