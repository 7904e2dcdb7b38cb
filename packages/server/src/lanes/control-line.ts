import { type OwnAnswer, type OwnRoute, pathOf } from '@millrace/gateway';
import { apiError } from '@millrace/openai';
import type { Clock, Timer } from '@millrace/stdx';
import { errorAnswer } from '../admin/admin-route.ts';
import type { FromLane } from './lane-messages.ts';

/** Bounds of what operators ask through one lane. */
const asksMax = 64;
const askMsMax = 10_000;
const controlPaths: ReadonlySet<string> = new Set(['/', '/page.js', '/page.css', '/metrics']);

/** A lane's line to control, for what control alone can answer: metrics over all lanes, status, pages. */
export class ControlLine {
  readonly #send: (message: FromLane) => void;
  readonly #clock: Clock;
  readonly #asked = new Map<number, { settle(answer: OwnAnswer | undefined): void }>();
  #lastId = 0;

  constructor(send: (message: FromLane) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Passes an operator's question to control. */
  route(): OwnRoute {
    return ({ method, target }) =>
      isForControl(method, target) ? this.#ask(method, target) : undefined;
  }

  /** Control has answered; an answer that nobody waits for any more is let go. */
  settle(id: number, answer: OwnAnswer | undefined): void {
    this.#asked.get(id)?.settle(answer === undefined ? undefined : withBuffer(answer));
  }

  #ask(method: string, target: string): Promise<OwnAnswer | undefined> {
    if (this.#asked.size >= asksMax)
      return Promise.resolve(
        errorAnswer(apiError('backend_unavailable', `${asksMax} questions to control are open.`)),
      );
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const timer: Timer = this.#clock.after(askMsMax, () =>
        settle(
          errorAnswer(
            apiError('backend_unavailable', `control did not answer for ${askMsMax} ms.`),
          ),
        ),
      );
      const settle = (answer: OwnAnswer | undefined): void => {
        timer.cancel();
        this.#asked.delete(id);
        resolve(answer);
      };
      this.#asked.set(id, { settle });
      this.#send({ kind: 'ask', id, method, target });
    });
  }
}

/** Between threads a buffer loses its class. */
function withBuffer(answer: OwnAnswer): OwnAnswer {
  const { body } = answer;
  if (typeof body === 'string') return answer;
  return { ...answer, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) };
}

function isForControl(method: string, target: string): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const path = pathOf(target);
  return controlPaths.has(path) || path.startsWith('/admin/');
}
