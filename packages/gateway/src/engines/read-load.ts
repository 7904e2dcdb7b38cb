import { type EngineKind, type LoadMetricNames, loadMetricNames } from './engine-kind.ts';
import { readSamples } from './prometheus-text.ts';

/** What an engine says of its load; undefined is not known, never zero. */
export interface EngineLoad {
  readonly running: number | undefined;
  readonly waiting: number | undefined;
  /** Share of the KV cache in use, 0 to 1. */
  readonly kvUsage: number | undefined;
  /** Prompt tokens that wait. */
  readonly waitingTokens: number | undefined;
}

/** A load as it was read, and the metrics that this engine should have had. */
export interface LoadReading {
  readonly load: EngineLoad;
  /** Names of which one was expected and none was there; each is a reason for an alarm. */
  readonly missing: readonly string[];
}

type Signal = keyof EngineLoad;

const signals: readonly Signal[] = ['running', 'waiting', 'kvUsage', 'waitingTokens'];

/** Reads an engine's load from the text of its metrics. Undefined: this kind of engine tells none. */
export function readLoad(kind: EngineKind, text: string): LoadReading | undefined {
  const names = loadMetricNames[kind];
  if (names === undefined) return undefined;
  const found = valuesOf(text, names);
  const missing: string[] = [];
  const read = (signal: Signal): number | undefined => {
    const known = names[signal];
    const name = known.find((candidate) => found.has(candidate));
    if (name !== undefined) return found.get(name);
    if (known[0] !== undefined) missing.push(known[0]);
    return undefined;
  };
  const [running, waiting, kvUsage, waitingTokens] = signals.map(read);
  return { load: { running, waiting, kvUsage, waitingTokens }, missing };
}

/** Requests and tokens add up over the ranks of an engine; of shares the fullest rank counts. */
function valuesOf(text: string, names: LoadMetricNames): ReadonlyMap<string, number> {
  const all = new Set(signals.flatMap((signal) => names[signal]));
  const values = new Map<string, number>();
  for (const { name, value } of readSamples(text, all)) {
    const before = values.get(name);
    const isShare = names.kvUsage.includes(name);
    if (before === undefined) values.set(name, value);
    else values.set(name, isShare ? Math.max(before, value) : before + value);
  }
  return values;
}
