import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SseReader } from '@millrace/openai';
import fc from 'fast-check';
import { messageOfChat } from './message-of-chat.ts';
import { MessageStream } from './message-stream.ts';

const finish = fc.constantFrom('stop', 'length', 'content_filter');
const text = fc.string({ unit: 'binary' }).map((each) => Buffer.from(each).toString());
const answer = fc.record({
  reasoning: text,
  content: text,
  calls: fc.array(
    fc.record({
      id: fc.string({ minLength: 1 }),
      name: fc.string({ minLength: 1 }),
      arguments: fc.dictionary(text, fc.jsonValue()).map((input) => JSON.stringify(input)),
    }),
    { maxLength: 3 },
  ),
  finish,
  cachedTokens: fc.nat(9),
});

/** Cuts a text into pieces of a few lengths; engines cut where they like, but not within a character. */
function pieces(whole: string, lengths: readonly number[]): readonly string[] {
  const characters = Array.from(whole);
  const cut: string[] = [];
  for (let at = 0, index = 0; at < characters.length; index++) {
    const length = 1 + (lengths[index % lengths.length] ?? 0);
    cut.push(characters.slice(at, at + length).join(''));
    at += length;
  }
  return cut;
}

type Answer = typeof answer extends fc.Arbitrary<infer Value> ? Value : never;

const head = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };

function usageOf({ cachedTokens }: Answer): object {
  return {
    prompt_tokens: 9,
    completion_tokens: 3,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

function streamOf(given: Answer, lengths: readonly number[]): string {
  const deltas: object[] = [
    ...pieces(given.reasoning, lengths).map((reasoning) => ({ reasoning })),
    ...pieces(given.content, lengths).map((content) => ({ content })),
    ...given.calls.flatMap((call, index) => [
      { tool_calls: [{ index, id: call.id, function: { name: call.name, arguments: '' } }] },
      ...pieces(call.arguments, lengths).map((fragment) => ({
        tool_calls: [{ index, function: { arguments: fragment } }],
      })),
    ]),
  ];
  const choices = deltas.map((delta) => ({ index: 0, delta, finish_reason: null }));
  const ending = { index: 0, delta: {}, finish_reason: given.finish };
  const events = [
    ...[...choices, ending].map((choice) => ({ ...head, choices: [choice] })),
    { ...head, choices: [], usage: usageOf(given) },
  ];
  return [...events.map((event) => JSON.stringify(event)), '[DONE]']
    .map((data) => `data: ${data}\n\n`)
    .join('');
}

/** What a client puts together from the events of a message. */
function accumulated(events: string): unknown {
  let message: Record<string, unknown> = {};
  const blocks: Record<string, unknown>[] = [];
  const inputs: string[] = [];
  for (const data of new SseReader().push(Buffer.from(events))) {
    const event = JSON.parse(data) as Record<string, Record<string, unknown>> & { index: number };
    const at = event.index;
    if (event['message'] !== undefined) message = event['message'];
    if (event['content_block'] !== undefined) {
      assert.equal(at, blocks.length, 'blocks begin in order');
      blocks.push(event['content_block']);
      inputs.push('');
    } else if (at !== undefined && event['delta'] !== undefined) {
      assert.equal(at, blocks.length - 1, 'only the last block goes on');
      const { text: more = '', thinking = '', partial_json: json = '' } = event['delta'];
      const block = blocks[at] ?? {};
      if ('text' in block) block['text'] = String(block['text']) + String(more);
      if ('thinking' in block) block['thinking'] = String(block['thinking']) + String(thinking);
      inputs[at] += String(json);
    } else if (event['delta'] !== undefined) {
      message = { ...message, ...event['delta'], usage: event['usage'] };
    }
  }
  const content = blocks.map((block, at) =>
    'input' in block ? { ...block, input: JSON.parse(inputs[at] || '{}') as unknown } : block,
  );
  return { ...message, content };
}

test('a stream, cut anyhow in events and bytes, says what the whole answer says', () => {
  const lengths = fc.array(fc.nat(6), { minLength: 1 });
  fc.assert(
    fc.property(answer, lengths, fc.integer({ min: 1, max: 40 }), (given, cuts, byteCount) => {
      const bytes = Buffer.from(streamOf(given, cuts));
      const reader = new SseReader();
      const stream = new MessageStream();
      let events = '';
      for (let at = 0; at < bytes.length; at += byteCount) {
        for (const data of reader.push(bytes.subarray(at, at + byteCount)))
          events += stream.push(data);
      }
      assert.ok(stream.isOver);
      const whole = messageOfChat({
        id: head.id,
        model: head.model,
        choices: [
          {
            message: {
              reasoning: given.reasoning,
              content: given.content,
              tool_calls: given.calls.map(({ id, name, arguments: written }) => ({
                id,
                function: { name, arguments: written },
              })),
            },
            finish_reason: given.finish,
          },
        ],
        usage: usageOf(given),
      });
      // JSON has no -0, which an input may hold.
      assert.deepEqual(accumulated(events), JSON.parse(JSON.stringify(whole)));
    }),
  );
});
