import assert from 'node:assert/strict';
import test from 'node:test';
import type { BodyEnd } from '../../messages/body.ts';
import { HandBody } from '../../testing/hand-body.ts';
import type { AnswerSoFar } from './answer-so-far.ts';
import { ContinuedBody, type ContinuedStream } from './continued-body.ts';

const head = { id: 'one', object: 'chat.completion.chunk', created: 1, model: 'm' };

function event(content: string, more: object = {}): string {
  const choice = { index: 0, delta: { content }, finish_reason: null, ...more };
  return `data: ${JSON.stringify({ ...head, choices: [choice] })}\n\n`;
}

interface Opened {
  readonly body: ContinuedBody;
  readonly first: HandBody;
  readonly second: HandBody;
  readonly got: () => string;
  readonly ends: BodyEnd[];
  readonly asked: AnswerSoFar[];
}

function open(next: 'second' | 'complete' | 'nobody' = 'second', eventBytesMax = 1_000): Opened {
  const [first, second] = [new HandBody(), new HandBody()];
  const asked: AnswerSoFar[] = [];
  const [pieces, ends]: [string[], BodyEnd[]] = [[], []];
  const results: Readonly<Record<typeof next, ContinuedStream | 'complete' | undefined>> = {
    second: { body: second, to: 'b' },
    complete: 'complete',
    nobody: undefined,
  };
  const body = new ContinuedBody({
    source: first,
    from: 'a',
    isChat: true,
    bounds: { textLengthMax: 1_000, eventBytesMax },
    goOn: (answer) => {
      asked.push(answer);
      return Promise.resolve(results[next]);
    },
  });
  body.pipeTo({
    write: (piece) => void pieces.push(piece.toString()),
    flush: () => true,
    end: (end) => void ends.push(end),
  });
  return { body, first, second, got: () => pieces.join(''), ends, asked };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a stream that does not die is passed on as it is', () => {
  const { first, got, ends, asked } = open();
  const whole = `: hello\n\n${event('Good')}${event(' day')}data: [DONE]\n\n`;
  for (const piece of whole.match(/[^]{1,7}/g) ?? []) first.give(piece);
  first.finish('whole');
  assert.equal(got(), whole);
  assert.deepEqual(ends, ['whole']);
  assert.deepEqual(asked, []);
});

test('one that dies goes on at the other engine: half an event is never shown, the first new one is marked', async () => {
  const { first, second, got, ends, asked } = open();
  first.give(event('Good'));
  first.give(event(' day').slice(0, 30));
  first.finish('died');
  await turn();
  assert.equal(asked[0]?.text, 'Good');
  second.give(event('', { delta: { role: 'assistant', content: '' } }));
  second.give(event(' evening').replace('"one"', '"two"'));
  second.give(event('!', { finish_reason: 'stop' }).replace('"one"', '"two"'));
  second.give('data: [DONE]\n\n');
  second.finish('whole');
  const events = got()
    .split('\n\n')
    .filter((text) => text !== '');
  assert.equal(events.length, 4);
  assert.equal(`${events[0]}\n\n`, event('Good'));
  assert.match(
    events[1] ?? '',
    /"id":"one".*" evening".*"continued":\{"from":"a","to":"b","chunks_before":1\}/,
  );
  assert.doesNotMatch(events[2] ?? '', /continued/);
  assert.equal(events[3], 'data: [DONE]');
  assert.deepEqual(ends, ['whole']);
});

test('it goes on once: when the second dies too, the stream has died', async () => {
  const { first, second, ends, asked } = open();
  first.give(event('a'));
  first.finish('stalled');
  await turn();
  second.give(event('b'));
  second.finish('died');
  await turn();
  assert.deepEqual(ends, ['died']);
  assert.equal(asked.length, 1);
});

test('what the second engine ends without its last event is not taken for the whole', async () => {
  const { first, second, got, ends } = open();
  first.give(event('a'));
  first.finish('died');
  await turn();
  second.give('{"whole":true}');
  second.finish('whole');
  assert.equal(got(), event('a'));
  assert.deepEqual(ends, ['died']);
});

test('where nobody can go on the end is told, and a stream that only lacked its end gets it', async () => {
  const lost = open('nobody');
  lost.first.give(event('a'));
  lost.first.finish('died');
  await turn();
  assert.deepEqual(lost.ends, ['died']);
  const complete = open('complete');
  complete.first.give(event('a'));
  complete.first.finish('died');
  await turn();
  assert.match(complete.got(), /"finish_reason":"length"\}\]\}\n\ndata: \[DONE\]\n\n$/);
  assert.deepEqual(complete.ends, ['whole']);
  const done = open();
  done.first.give(`${event('a')}data: [DONE]\n\n`);
  done.first.finish('died');
  assert.deepEqual(done.ends, ['whole']);
});

test('a client that leaves stops whichever engine is at work', async () => {
  const early = open();
  early.body.destroy();
  assert.ok(early.first.isDestroyed);
  const amid = open();
  amid.first.give(event('a'));
  amid.first.finish('died');
  amid.body.destroy();
  await turn();
  assert.ok(amid.second.isDestroyed, 'an engine asked in vain is told so');
  const late = open();
  late.first.give(event('a'));
  late.first.finish('died');
  await turn();
  late.body.destroy();
  assert.ok(late.second.isDestroyed);
  assert.deepEqual([...early.ends, ...amid.ends, ...late.ends], []);
});

test('events beyond their bound are passed on, and then not continued', async () => {
  const { first, got, ends, asked } = open('second', 64);
  const large = event('x'.repeat(200));
  first.give(large.slice(0, 100));
  first.give(large.slice(100));
  first.finish('died');
  await turn();
  assert.equal(got(), large);
  assert.deepEqual(ends, ['died']);
  assert.deepEqual(asked, []);
});
