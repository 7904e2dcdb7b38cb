import type { Clock } from '@millrace/stdx';
import type { BackendAnswer } from '../backends/backend.ts';
import { discardBody } from '../messages/body.ts';
import type { Cancellation } from '../messages/cancellation.ts';
import { PeekedBody } from './peeked-body.ts';

/** A request on its way to one endpoint. */
export interface Attempt {
  readonly answer: Promise<BackendAnswer>;
  /** Stops this attempt alone. */
  readonly cancellation: Cancellation;
}

interface Shown {
  readonly answer: BackendAnswer;
  /** The first bytes of an answer are there. */
  readonly isGood: boolean;
}

/**
 * The answer of the endpoint whose first bytes come first. The second is asked only when the first has shown nothing
 * for `afterMs`; the one that is not needed is stopped at once.
 */
export async function hedgedAnswer(
  first: Attempt,
  hedge: {
    readonly clock: Clock;
    readonly afterMs: number;
    /** Sends the request elsewhere; `undefined` where it may not, or nobody else is there. */
    readonly openSecond: () => Attempt | undefined;
  },
): Promise<BackendAnswer> {
  const one = shown(first);
  const isLate = await raceWithTime(one, hedge);
  const second = isLate ? hedge.openSecond() : undefined;
  if (second === undefined) return (await one).answer;
  const two = shown(second);
  const winner = await Promise.race([
    one.then((found) => ({ found, other: two, loser: second })),
    two.then((found) => ({ found, other: one, loser: first })),
  ]);
  if (winner.found.isGood) {
    winner.loser.cancellation.cancel('superseded');
    void winner.other.then(letGo);
    return winner.found.answer;
  }
  const rest = await winner.other;
  letGo(winner.found);
  return rest.answer;
}

async function shown({ answer }: Attempt): Promise<Shown> {
  const found = await answer;
  if (found.kind !== 'answered' || found.message.status >= 300)
    return { answer: found, isGood: false };
  const body = new PeekedBody(found.message.body);
  const isGood = await body.first;
  return { answer: { ...found, message: { ...found.message, body } }, isGood };
}

async function raceWithTime(
  first: Promise<Shown>,
  { clock, afterMs }: { readonly clock: Clock; readonly afterMs: number },
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  using _timer = clock.after(afterMs, () => resolve(true));
  return await Promise.race([late, first.then(() => false)]);
}

function letGo({ answer }: Shown): void {
  if (answer.kind !== 'answered') return;
  if (answer.message.status < 300) answer.message.body.destroy();
  else discardBody(answer.message.body);
}
