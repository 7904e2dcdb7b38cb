import { AdoptedObject, type HandedParts } from './adopted-object.ts';
import { filtersOf, type RingProbeName } from './probe-form.ts';
import type { LoadedProbe } from './probe-object.ts';
import { RingProbe } from './ring-probe.ts';

/** A probe as one program leaves it to the next that the process executes. */
export interface HandedProbe extends HandedParts {
  readonly name: RingProbeName;
}

/** Leaves a probe, with everything attached, to what this process executes next. */
export function handOverProbe({ name, parts }: LoadedProbe): HandedProbe {
  return { name, ...parts.handOver(['events', 'losses', ...filtersOf[name]]) };
}

/** Takes a probe over from the program before this one. Throws what @millrace/bpf throws where a descriptor is none. */
export function adoptProbe(handed: HandedProbe): RingProbe {
  return new RingProbe(handed.name, new AdoptedObject(handed.name, handed));
}
