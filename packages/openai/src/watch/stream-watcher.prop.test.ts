import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { StreamUsage } from './event-reader.ts';
import { EventPatterns } from './event-patterns.ts';
import { StreamWatcher } from './stream-watcher.ts';

type Json = Readonly<Record<string, unknown>>;

/** What the watcher should find, by a parser that knows nothing of pieces. */
function naive(text: string): object {
  let contentEvents = 0;
  let errorEvents = 0;
  let unreadEvents = 0;
  let isDone = false;
  let finishReason: string | undefined;
  let usage: StreamUsage | undefined;
  let timed: StreamUsage | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const value = /^data: ?(.*?)\r?$/s.exec(line)?.[1];
    if (value === undefined || value === '') continue;
    if (value === '[DONE]') {
      isDone = true;
      continue;
    }
    let event: unknown;
    try {
      event = JSON.parse(value);
    } catch {
      unreadEvents++;
      continue;
    }
    if (typeof event !== 'object' || event === null || Array.isArray(event)) continue;
    const { choices, error, usage: told, timings } = event as Json;
    const list = (Array.isArray(choices) ? choices : []).filter(
      (choice): choice is Json =>
        typeof choice === 'object' && choice !== null && !Array.isArray(choice),
    );
    if (list.some(hasContent)) contentEvents++;
    if (error !== undefined && error !== null) errorEvents++;
    finishReason =
      list
        .map((choice) => choice['finish_reason'])
        .filter((one) => typeof one === 'string')
        .at(-1) ?? finishReason;
    if (isObject(told)) usage = usageOf(told);
    if (isObject(timings)) timed = timedOf(timings) ?? timed;
  }
  const cachedTokens = usage?.cachedTokens ?? timed?.cachedTokens;
  const all = usage === undefined ? timed : { ...usage, cachedTokens };
  return { contentEvents, errorEvents, unreadEvents, isDone, finishReason, usage: all };
}

function timedOf({ cache_n: cachedTokens, prompt_n: computed }: Json): StreamUsage | undefined {
  if (typeof cachedTokens !== 'number' || typeof computed !== 'number') return undefined;
  return { promptTokens: cachedTokens + computed, completionTokens: undefined, cachedTokens };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasContent({ delta, text }: Json): boolean {
  if (typeof text === 'string' && text !== '') return true;
  if (!isObject(delta)) return false;
  return ['content', 'reasoning_content', 'reasoning', 'refusal', 'tool_calls'].some((name) => {
    const value = delta[name];
    return (typeof value === 'string' || Array.isArray(value)) && value.length > 0;
  });
}

function usageOf(told: Json): StreamUsage {
  const numberOf = (value: unknown): number | undefined =>
    typeof value === 'number' ? value : undefined;
  const details = told['prompt_tokens_details'];
  return {
    promptTokens: numberOf(told['prompt_tokens']),
    completionTokens: numberOf(told['completion_tokens']),
    cachedTokens: isObject(details) ? numberOf(details['cached_tokens']) : undefined,
  };
}

function watched(
  text: string | Buffer,
  cuts: readonly number[],
  patterns = new EventPatterns(),
): object {
  const bytes = Buffer.from(text);
  const watcher = new StreamWatcher(patterns);
  let from = 0;
  for (const cut of [
    ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b),
    bytes.length,
  ]) {
    // Each piece is memory that changes behind the call, as a read is.
    const piece = Buffer.from(bytes.subarray(from, cut));
    watcher.push(piece);
    piece.fill(0x0a);
    from = cut;
  }
  const { contentEvents, errorEvents, unreadEvents, isDone, finishReason, usage } = watcher;
  return { contentEvents, errorEvents, unreadEvents, isDone, finishReason, usage };
}

const text = fc.oneof(
  fc.string(),
  fc.constantFrom('', '"usage":{"prompt_tokens":9}', '\n\ndata: [DONE]'),
);
const value = fc.oneof(
  text,
  fc.nat(),
  fc.constant(null),
  fc.constant([]),
  fc.constant({ content: 'x' }),
);
const some = (names: readonly string[], of: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.dictionary(fc.constantFrom(...names), of, { maxKeys: 4 });
const delta = some(['content', 'role', 'reasoning_content', 'tool_calls', 'x'], value);
const choice = fc.oneof(
  value,
  fc.record(
    { finish_reason: value, delta: fc.oneof(value, delta), text: value },
    { requiredKeys: [] },
  ),
);
const usage = fc.record(
  {
    prompt_tokens: value,
    completion_tokens: fc.nat(),
    prompt_tokens_details: fc.oneof(value, some(['cached_tokens', 'x'], value)),
  },
  { requiredKeys: [] },
);
const timings = fc.record(
  { cache_n: fc.oneof(fc.nat(), value), prompt_n: fc.nat(), prompt_ms: value },
  { requiredKeys: [] },
);
const event = fc.record(
  {
    id: value,
    choices: fc.oneof(value, fc.array(choice, { maxLength: 3 })),
    usage: fc.oneof(value, usage),
    timings: fc.oneof(value, timings),
    error: fc.oneof(fc.constant(null), value),
  },
  { requiredKeys: [] },
);
const line = fc.oneof(
  { weight: 6, arbitrary: event.map((one) => `data: ${JSON.stringify(one)}`) },
  event.map((one) => `data:${JSON.stringify(one, null, 1).replaceAll('\n', '')}\r`),
  event.map((one) => `data: ${JSON.stringify(one).slice(0, -1)}`),
  fc.constantFrom(
    'data: [DONE]',
    ': comment',
    'event: x',
    '',
    'data:',
    'data: 7',
    'data: [1]',
    'data: [DONE]x',
  ),
);

test('finds what a parser finds, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.nat(600), { maxLength: 8 }),
      (lines, cuts) => {
        const stream = lines.map((one) => `${one}\n`).join('\n');
        assert.deepEqual(watched(stream, cuts), naive(stream));
        assert.deepEqual(watched(stream, Array.from(Buffer.from(stream).keys())), naive(stream));
      },
    ),
    { numRuns: 500 },
  );
});

interface Change {
  readonly at: number;
  readonly byte: number;
  readonly kind: string;
}

/** A change of one byte of a stream: another in its place, before it, or none. */
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(800),
  byte: fc.constantFrom(...Buffer.from('"\\u{}[],:-+.eE019 \n\r\tx\u0000')),
  kind: fc.constantFrom('replace', 'insert', 'remove'),
});

function changed(bytes: Buffer, changes: readonly Change[]): Buffer {
  let all = bytes;
  for (const { at, byte, kind } of changes) {
    const index = at % (all.length + 1);
    const rest = all.subarray(kind === 'insert' ? index : index + 1);
    const between = kind === 'remove' ? [] : [byte];
    all = Buffer.concat([all.subarray(0, index), Buffer.from(between), rest]);
  }
  return all;
}

/** Events in which a text stands at each S, and a number at each N. */
const templates = [
  '{"id":S,"created":N,"choices":[{"index":N,"delta":{"content":S},"finish_reason":null}]}',
  '{"choices":[{"text":S,"logprobs":{"x":[S,N,N]}},{"delta":{"reasoning":S,"role":S}}]}',
  '{"choices":[{"delta":{"tool_calls":[S,N],"content":null}}],"error":null,"usage":N}',
  '{"choices":[{"text":S}],"choices":[{"delta":{"refusal":S,"tool_calls":[]}}]}',
  '{"timings":{"cache_n":N,"prompt_n":S},"choices":[{"finish_reason":N,"text":S}]}',
  '{"ch\\u006fices":[{"delta":S,"text":S,"content":S}],"content":S}',
  '{"choices":{"text":S},"error":S,"usage":{"prompt_tokens":N}}',
  '[{"choices":[{"text":S}]},N]',
  'S',
];
const rawText = fc.oneof(
  { weight: 4, arbitrary: fc.string().map((one) => JSON.stringify(one)) },
  fc.constantFrom(
    '""',
    '"\\n"',
    '"\\u00e9\\""',
    '"ü"',
    '"a\tb"',
    '"\\x"',
    '"\\u12g4"',
    '"',
    'null',
  ),
);
const rawNumber = fc.oneof(
  { weight: 4, arbitrary: fc.nat().map(String) },
  fc.constantFrom('0', '-0', '1.25', '2e9', '-3E-07', '01', '-', '1.', '1e', '.5', 'null'),
);
const alikeLines = fc
  .tuple(
    fc.constantFrom(...templates),
    fc.array(fc.tuple(fc.array(rawText), fc.array(rawNumber)), { minLength: 1, maxLength: 6 }),
  )
  .map(([template, all]) =>
    all.map(([texts, numbers]) => {
      const filled = template
        .replaceAll('S', () => texts.pop() ?? '"same"')
        .replaceAll('N', () => numbers.pop() ?? '7');
      return `data: ${filled}`;
    }),
  );

test('finds by patterns what it finds by reading each event, whatever is changed and however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          alikeLines,
          line.map((one) => [one]),
        ),
        { maxLength: 6 },
      ),
      fc.array(change, { maxLength: 2 }),
      fc.array(fc.nat(2000), { maxLength: 8 }),
      (lines, changes, cuts) => {
        const text = lines.flat().map((one) => `${one}\n\n`);
        const stream = changed(Buffer.from(text.join('')), changes);
        const patterns = new EventPatterns();
        const found = watched(stream, [], new EventPatterns(0));
        assert.deepEqual(watched(stream, cuts, patterns), found);
        // The second time all patterns are there.
        assert.deepEqual(watched(stream, [], patterns), found);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a line that is too long is passed over, and the next is read', () => {
  const long = `data: {"choices":[{"text":"${'x'.repeat(300_000)}"}]}\n`;
  const short = 'data: {"choices":[{"text":"x"}]}\n';
  const cuts = Array.from({ length: 40 }, (_, at) => at * 10_000);
  const found = { errorEvents: 0, isDone: false, finishReason: undefined, usage: undefined };
  assert.deepEqual(watched(long + short, cuts), { contentEvents: 1, unreadEvents: 1, ...found });
});
