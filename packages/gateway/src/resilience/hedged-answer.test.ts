import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import type { BackendAnswer } from '../backends/backend.ts';
import { BytesBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { HandBody } from '../testing/hand-body.ts';
import { type Attempt, hedgedAnswer } from './hedged-answer.ts';

interface Opened extends Attempt {
  readonly body: HandBody;
  readonly resolve: (answer: BackendAnswer) => void;
}

function attempt(): Opened {
  const { promise, resolve } = Promise.withResolvers<BackendAnswer>();
  return { answer: promise, resolve, cancellation: new Cancellation(), body: new HandBody() };
}

function headOf({ body }: Opened): BackendAnswer {
  return { kind: 'answered', message: { status: 200, headers: HeaderBlock.empty, body } };
}

const full: BackendAnswer = {
  kind: 'answered',
  message: { status: 503, headers: HeaderBlock.empty, body: new BytesBody('full') },
};

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};

function race(): {
  clock: VirtualClock;
  one: Opened;
  two: Opened;
  asked: () => number;
  answer: Promise<BackendAnswer>;
} {
  const clock = new VirtualClock();
  const [one, two] = [attempt(), attempt()];
  let count = 0;
  const answer = hedgedAnswer(one, {
    clock,
    afterMs: 100,
    openSecond: () => {
      count++;
      return two;
    },
  });
  return { clock, one, two, asked: () => count, answer };
}

async function textOf(answer: BackendAnswer): Promise<string> {
  assert.equal(answer.kind, 'answered');
  let text = '';
  if (answer.kind === 'answered')
    answer.message.body.pipeTo({
      write: (piece) => void (text += piece.toString()),
      flush: () => true,
      end: () => undefined,
    });
  await turns();
  return text;
}

test('an endpoint that is quick enough is the only one that is asked', async () => {
  const { clock, one, asked, answer } = race();
  one.resolve(headOf(one));
  one.body.give('quick');
  assert.equal(await textOf(await answer), 'quick');
  clock.advance(1_000);
  assert.equal(asked(), 0);
});

test('a head without a body is no answer yet: the second is asked, wins, and the first is stopped', async () => {
  const { clock, one, two, asked, answer } = race();
  one.resolve(headOf(one));
  await turns();
  clock.advance(100);
  await turns();
  assert.equal(asked(), 1);
  two.resolve(headOf(two));
  two.body.give('second');
  assert.equal(await textOf(await answer), 'second');
  assert.equal(one.cancellation.reason, 'superseded');
  one.body.give('late');
  await turns();
  assert.ok(one.body.isDestroyed);
  assert.equal(two.cancellation.reason, undefined);
});

test('when the first is faster after all, the second is stopped', async () => {
  const { clock, one, two, answer } = race();
  clock.advance(100);
  await turns();
  one.resolve(headOf(one));
  one.body.give('first');
  assert.equal(await textOf(await answer), 'first');
  assert.equal(two.cancellation.reason, 'superseded');
  two.resolve({ kind: 'abandoned' });
});

test('one that fails leaves it to the other', async () => {
  const { clock, one, two, answer } = race();
  clock.advance(100);
  await turns();
  two.resolve(full);
  await turns();
  one.resolve(headOf(one));
  one.body.give('slow but there');
  assert.equal(await textOf(await answer), 'slow but there');
});
