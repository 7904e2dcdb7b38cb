// Hot path: columns are filled and read once a request. No allocation, no await.
import type { Candidate, CircuitState, EndpointFacts, EndpointState } from './endpoint.ts';

const states: readonly EndpointState[] = ['healthy', 'draining', 'ejected'];
const circuits: readonly CircuitState[] = ['closed', 'half-open', 'open'];
/** What a token in a running context costs, beside one that waits to be computed: it slows each step a little. */
const runningShare = 0.02;

/**
 * All endpoints as one decision sees them: of each, one number in every column, at its place among all. Columns and not
 * objects, so that a filter or a scorer is one call a decision and one loop over numbers that lie side by side.
 */
export interface CandidateField {
  readonly count: number;
  readonly facts: readonly EndpointFacts[];
  /** `facts[place].models`; equal lists are one list, so that what was found of one holds for its neighbour. */
  readonly models: readonly (readonly string[])[];
  /** `facts[place].index` */
  readonly indices: Int32Array;
  readonly weights: Float64Array;
  readonly contextTokensMax: Float64Array;
  readonly concurrencyMax: Float64Array;
  /** By `stateCodeOf`; 0 is healthy. */
  readonly states: Uint8Array;
  /** By `circuitCodeOf`; 0 is closed. */
  readonly circuits: Uint8Array;
  readonly runningTokens: Float64Array;
  readonly waitingTokens: Float64Array;
  readonly queuedPrefillTokens: Float64Array;
  readonly concurrency: Float64Array;
  readonly trust: Float64Array;
  readonly prefillTokensPerSecond: Float64Array;
  readonly prefillingMs: Float64Array;
  readonly matchedTokens: Float64Array;
  /** What follows from the others for the request at hand, by `weighFor`: prompt tokens that would have to be computed. */
  readonly uncachedTokens: Float64Array;
  /** Prompt tokens that are to be computed before the request. */
  readonly queuedTokens: Float64Array;
  /** All tokens that are before the request, each as far as it delays it. */
  readonly loadTokens: Float64Array;
}

/** Takes the columns for these endpoints; each is healthy, trusted and idle. */
export function candidateField(facts: readonly EndpointFacts[]): CandidateField {
  const numbers = (read: (one: EndpointFacts) => number = () => 0): Float64Array =>
    Float64Array.from(facts, read);
  const lists = new Map<string, readonly string[]>();
  return {
    count: facts.length,
    facts,
    models: facts.map(({ models }) => {
      const name = JSON.stringify(models);
      const known = lists.get(name) ?? models;
      lists.set(name, known);
      return known;
    }),
    indices: Int32Array.from(facts, ({ index }) => index),
    weights: numbers(({ weight }) => weight),
    contextTokensMax: numbers(({ contextTokensMax }) => contextTokensMax),
    concurrencyMax: numbers(({ concurrencyMax }) => concurrencyMax),
    states: new Uint8Array(facts.length),
    circuits: new Uint8Array(facts.length),
    runningTokens: numbers(),
    waitingTokens: numbers(),
    queuedPrefillTokens: numbers(),
    concurrency: numbers(),
    trust: numbers(() => 1),
    prefillTokensPerSecond: numbers(),
    prefillingMs: numbers(),
    matchedTokens: numbers(),
    uncachedTokens: numbers(),
    queuedTokens: numbers(),
    loadTokens: numbers(),
  };
}

/** Fills the columns that follow from the others, for a prompt of so many tokens. */
export function weighFor(promptTokens: number, field: CandidateField): void {
  const { count, matchedTokens, trust, waitingTokens, runningTokens } = field;
  const { uncachedTokens, queuedTokens, loadTokens } = field;
  for (let place = 0; place < count; place++) {
    const cached = Math.min(matchedTokens[place] as number, promptTokens);
    const queued = remainingPrefillTokens(field, place) + (waitingTokens[place] as number);
    // The last token is computed even of a prompt that is wholly cached.
    uncachedTokens[place] = Math.max(1, promptTokens - cached * (trust[place] as number));
    queuedTokens[place] = queued;
    loadTokens[place] = queued + runningShare * (runningTokens[place] as number);
  }
}

/**
 * Queued tokens without those that the endpoint has computed since its latest first token, at its speed. Where all should
 * have been computed and nothing proves it they count again, the more the longer that lasts: an endpoint that hangs must
 * not look idle.
 */
function remainingPrefillTokens(field: CandidateField, place: number): number {
  const queued = field.queuedPrefillTokens[place] as number;
  if (queued === 0) return 0;
  const seconds = (field.prefillingMs[place] as number) / 1_000;
  const computed = seconds * (field.prefillTokensPerSecond[place] as number);
  return Math.min(queued, Math.abs(queued - computed));
}

/** The columns that these candidates were, as a record tells of them. */
export function fieldOf(candidates: readonly Candidate[]): CandidateField {
  const field = candidateField(candidates.map(({ facts }) => facts));
  for (const [place, candidate] of candidates.entries()) {
    field.states[place] = stateCodeOf(candidate.state);
    field.circuits[place] = circuitCodeOf(candidate.circuit);
    field.runningTokens[place] = candidate.runningTokens;
    field.waitingTokens[place] = candidate.waitingTokens;
    field.queuedPrefillTokens[place] = candidate.queuedPrefillTokens;
    field.concurrency[place] = candidate.concurrency;
    field.trust[place] = candidate.trust;
    field.prefillTokensPerSecond[place] = candidate.prefillTokensPerSecond;
    field.prefillingMs[place] = candidate.prefillingMs;
    field.matchedTokens[place] = candidate.matchedTokens;
  }
  return field;
}

/** One endpoint of the columns as plain data that stays as it is. */
export function candidateAt(field: CandidateField, place: number): Candidate {
  return {
    facts: field.facts[place] as EndpointFacts,
    state: stateOf(field.states[place] as number),
    circuit: circuitOf(field.circuits[place] as number),
    runningTokens: field.runningTokens[place] as number,
    waitingTokens: field.waitingTokens[place] as number,
    queuedPrefillTokens: field.queuedPrefillTokens[place] as number,
    concurrency: field.concurrency[place] as number,
    trust: field.trust[place] as number,
    prefillTokensPerSecond: field.prefillTokensPerSecond[place] as number,
    prefillingMs: field.prefillingMs[place] as number,
    matchedTokens: field.matchedTokens[place] as number,
  };
}

/** The number by which memory and columns know a state. */
export function stateCodeOf(state: EndpointState): number {
  return states.indexOf(state);
}

/** A number that is none of a state reads as the one that takes no requests. */
export function stateOf(code: number): EndpointState {
  return states[code] ?? 'ejected';
}

/** The number by which memory and columns know a circuit. */
export function circuitCodeOf(circuit: CircuitState): number {
  return circuits.indexOf(circuit);
}

/** A number that is none of a circuit's reads as open. */
export function circuitOf(code: number): CircuitState {
  return circuits[code] ?? 'open';
}
