import { type JsonObject, parsedObject } from './json-object.ts';

/** Routes whose requests can be merged: their bodies have a list of inputs, each with answers of its own. */
export type MergeableRoute = 'embeddings' | 'completions';

export const mergeableRoutes: readonly MergeableRoute[] = ['embeddings', 'completions'];

/** A request that can be merged with others. */
export interface MergeableRequest {
  readonly route: MergeableRoute;
  /** Whatever must be the same in requests that are merged: all but the inputs. */
  readonly key: string;
  readonly inputs: readonly unknown[];
  /** The body without its inputs. */
  readonly rest: JsonObject;
  /** Answers to each input. */
  readonly answersPerInput: number;
}

const inputFields: Readonly<Record<MergeableRoute, string>> = {
  embeddings: 'input',
  completions: 'prompt',
};

/** Fields by which an answer depends on more than its own input, or is no list of answers. */
const unmergeableFields: Readonly<Record<MergeableRoute, readonly string[]>> = {
  embeddings: [],
  // A draw by seed, and the best of several, are those of a request as it came.
  completions: ['seed', 'best_of', 'stream_options', 'deadline_ms', 'priority'],
};

/** The route of a target that can be merged. */
export function mergeableRouteOf(method: string, target: string): MergeableRoute | undefined {
  if (method !== 'POST') return undefined;
  return mergeableRoutes.find((route) => target === `/v1/${route}`);
}

/** A body as a request that can be merged; undefined where it must go as it is. */
export function mergeableRequest(
  route: MergeableRoute,
  body: Buffer,
): MergeableRequest | undefined {
  const parsed = parsedObject(body);
  if (parsed === undefined) return undefined;
  const { [inputFields[route]]: given, ...rest } = parsed;
  const inputs = inputsOf(given);
  if (inputs === undefined || inputs.length === 0) return undefined;
  const isSet = (name: string): boolean => rest[name] !== undefined && rest[name] !== null;
  if (rest['stream'] === true || unmergeableFields[route].some(isSet)) return undefined;
  const answersPerInput = route === 'completions' ? (rest['n'] ?? 1) : 1;
  if (typeof answersPerInput !== 'number' || !Number.isSafeInteger(answersPerInput))
    return undefined;
  if (answersPerInput < 1) return undefined;
  const kind = typeof inputs[0] === 'string' ? 'text' : 'tokens';
  const key = JSON.stringify([route, kind, sorted(rest)]);
  return { route, key, inputs, rest, answersPerInput };
}

/** The body of one request that asks for what all of these ask for. */
export function mergedBody(requests: readonly MergeableRequest[]): Buffer {
  const [first] = requests;
  if (first === undefined) return Buffer.alloc(0);
  const inputs = requests.flatMap((request) => request.inputs);
  return Buffer.from(JSON.stringify({ ...first.rest, [inputFields[first.route]]: inputs }));
}

/** Texts, or lists of tokens; a single one may stand without a list. */
function inputsOf(value: unknown): readonly unknown[] | undefined {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return undefined;
  const list: readonly unknown[] = value;
  if (list.every((each) => typeof each === 'string') || list.every(isTokens)) return list;
  return isTokens(list) ? [list] : undefined;
}

function isTokens(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => typeof each === 'number' && Number.isSafeInteger(each))
  );
}

/** The same object for the same fields, in whatever order they came. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, entry]) => [name, sorted(entry)]),
  );
}
