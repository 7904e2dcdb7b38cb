import { type JsonObject, parsedObject } from './json-object.ts';
import type { MergeableRequest, MergeableRoute } from './mergeable-request.ts';

const answerFields: Readonly<Record<MergeableRoute, string>> = {
  embeddings: 'data',
  completions: 'choices',
};

/** Counts of tokens in `usage` that belong to prompts; the others belong to answers. */
const promptCounts: ReadonlySet<string> = new Set(['prompt_tokens', 'prompt_tokens_details']);

/**
 * The answers to merged requests, cut from the answer to the one that was sent for them, or undefined where that is
 * not one answer for each input. Usage is divided by the length of inputs and answers, so that it adds up exactly.
 */
export function splitAnswer(
  body: Buffer,
  requests: readonly MergeableRequest[],
): readonly Buffer[] | undefined {
  const [first] = requests;
  const whole = parsedObject(body);
  if (first === undefined || whole === undefined) return undefined;
  const field = answerFields[first.route];
  const answers = inOrder(whole[field], answerCount(requests));
  if (answers === undefined) return undefined;
  let from = 0;
  const parts = requests.map((request) => {
    const count = request.inputs.length * request.answersPerInput;
    const part = answers.slice(from, from + count).map((answer, index) => ({ ...answer, index }));
    from += count;
    return part;
  });
  const usages = dividedUsage(whole['usage'], { requests, parts });
  const { id } = whole;
  return parts.map((part, index) =>
    Buffer.from(
      JSON.stringify({
        ...whole,
        ...(typeof id === 'string' && { id: `${id}-${index}` }),
        [field]: part,
        ...(usages !== undefined && { usage: usages[index] }),
      }),
    ),
  );
}

function answerCount(requests: readonly MergeableRequest[]): number {
  return requests.reduce((sum, each) => sum + each.inputs.length * each.answersPerInput, 0);
}

/** The answers by their index; undefined unless there is one for each. */
function inOrder(value: unknown, count: number): readonly JsonObject[] | undefined {
  if (!Array.isArray(value) || value.length !== count) return undefined;
  const answers: (JsonObject | undefined)[] = Array.from({ length: count });
  for (const [position, entry] of value.entries()) {
    if (typeof entry !== 'object' || entry === null) return undefined;
    const answer: JsonObject = { ...entry };
    const index = answer['index'] ?? position;
    if (typeof index !== 'number' || !(index in answers) || answers[index] !== undefined)
      return undefined;
    answers[index] = answer;
  }
  return answers.every((answer) => answer !== undefined) ? answers : undefined;
}

function dividedUsage(
  usage: unknown,
  sides: {
    readonly requests: readonly MergeableRequest[];
    readonly parts: readonly (readonly JsonObject[])[];
  },
): readonly JsonObject[] | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const promptWeights = sides.requests.map(({ inputs }) => inputs.reduce<number>(addLength, 0));
  const answerWeights = sides.parts.map((part) =>
    part.reduce((sum, { text }) => (typeof text === 'string' ? sum + text.length : sum), 0),
  );
  const divided = Object.entries(usage)
    .filter(([name]) => name !== 'total_tokens')
    .map(([name, value]) => {
      const weights = promptCounts.has(name) ? promptWeights : answerWeights;
      return [name, dividedValue(value, weights)] as const;
    });
  const hasTotal = 'total_tokens' in usage;
  return sides.requests.map((_, index) => {
    const own = Object.fromEntries(divided.map(([name, values]) => [name, values[index]]));
    const total = countIn(own['prompt_tokens']) + countIn(own['completion_tokens']);
    return { ...own, ...(hasTotal && { total_tokens: total }) };
  });
}

/** A count of tokens, or an object of such counts, in as many parts as there are weights; anything else goes to all. */
function dividedValue(value: unknown, weights: readonly number[]): readonly unknown[] {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
    return apportion(value, weights);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return weights.map(() => value);
  const divided = Object.entries(value).map(
    ([name, entry]) => [name, dividedValue(entry, weights)] as const,
  );
  return weights.map((_, index) =>
    Object.fromEntries(divided.map(([name, parts]) => [name, parts[index]])),
  );
}

/** Whole parts of a whole number, by weight, that add up to it: the largest remainders are rounded up. */
export function apportion(total: number, weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((one, other) => one + other, 0);
  const shares = weights.map((weight) =>
    sum === 0 ? total / weights.length : (total / sum) * weight,
  );
  const parts = shares.map(Math.floor);
  const byRemainder = shares
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .toSorted((one, other) => other.remainder - one.remainder);
  let rest = total - parts.reduce((one, other) => one + other, 0);
  for (let at = 0; rest !== 0; at = (at + 1) % byRemainder.length) {
    const { index } = byRemainder[at] ?? { index: 0 };
    const step = Math.sign(rest);
    parts[index] = (parts[index] ?? 0) + step;
    rest -= step;
  }
  return parts;
}

function addLength(sum: number, input: unknown): number {
  return sum + (typeof input === 'string' || Array.isArray(input) ? input.length : 0);
}

function countIn(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
